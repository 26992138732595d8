# make -j4: forty sources, a library, a program, a rebuild of what changed.
for i in $(seq 40); do
    printf '#include "all.h"\nint f%d(int x)\n{\n    int s = %d;\n    for (int i = 0; i < x; i++)\n        s = s * 31 + (i ^ s >> 3);\n    return s;\n}\n' "$i" "$i" > "f$i.c"
    echo "int f$i(int);" >> all.h
done
{ echo '#include <stdio.h>'; echo '#include "all.h"'; echo 'int main(void) {'; for i in $(seq 40); do echo "printf(\"%d\\n\", f$i($i));"; done; echo '}'; } > main.c
cat > Makefile <<'M'
CC = gcc
OBJS := $(patsubst %.c,%.o,$(wildcard f*.c))
CFLAGS = -O2 -Wall
prog: main.o libf.a
	$(CC) -o $@ main.o -L. -lf
libf.a: $(OBJS)
	ar rcs $@ $^
%.o: %.c all.h
	$(CC) $(CFLAGS) -c $< -o $@
clean:
	rm -f *.o libf.a prog
M
make -s -j4 && ./prog | sha256sum
make -q && echo "nothing to do"
touch f7.c f8.c
make -j4 | grep -c -- -c
ar t libf.a | sort | sha256sum
nm prog | awk '$2 == "T" && $3 ~ /^f[0-9]/' | wc -l
