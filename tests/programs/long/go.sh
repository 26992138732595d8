# Go's compiler and linker on their own library, and a program with goroutines, channels and the concurrent collector.
cat > m.go <<'G'
package main

import (
	"crypto/sha256"
	"fmt"
	"runtime"
	"sort"
	"sync"
)

type node struct {
	l, r *node
	v    int
}

func tree(d int) *node {
	if d == 0 {
		return &node{v: 1}
	}
	return &node{tree(d - 1), tree(d - 1), d}
}
func (n *node) sum() int {
	if n == nil {
		return 0
	}
	return n.l.sum() + n.r.sum() + n.v
}

func main() {
	var wg sync.WaitGroup
	out := make(chan int, 8)
	for i := 0; i < 16; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			s := 0
			for r := 0; r < 12; r++ {
				s += tree(11+r%3).sum() + i
			}
			out <- s
		}()
	}
	go func() { wg.Wait(); close(out) }()
	var all []int
	for s := range out {
		all = append(all, s)
	}
	sort.Ints(all)
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	fmt.Println(all, m.NumGC > 3)
	fmt.Printf("%x\n", sha256.Sum256([]byte(fmt.Sprint(all))))
}
G
export GOCACHE=$PWD/cache GOPATH=$PWD/go GOFLAGS=-mod=mod GO111MODULE=off GOTOOLCHAIN=local GOTELEMETRY=off CGO_ENABLED=0
go build -o m m.go && ./m
go vet m.go && echo vetted
