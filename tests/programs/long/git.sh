# A repository with history, merges and packs; clones of it over a path, a file URL and a daemon on loopback.
export GIT_AUTHOR_DATE='1700000000 +0000' GIT_COMMITTER_DATE='1700000000 +0000' GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a
export GIT_COMMITTER_EMAIL=a@b GIT_CONFIG_NOSYSTEM=1
git init -q -b main repo && cd repo || exit 1
for i in $(seq 30); do
    mkdir -p "d$((i % 5))"
    seq "$i" $((i * 40)) > "d$((i % 5))/f$i"
    git add . && git commit -q -m "change $i"
done
git checkout -q -b side HEAD~10 && echo side > side && git add side && git commit -q -m side
git checkout -q main && git merge -q --no-edit side && git log --oneline | wc -l
git log --format='%H %s' | sha256sum
git diff --stat HEAD~5 | tail -n 1
git tag v1 && git gc -q && git fsck --full && git count-objects -v | grep -E '^(in-pack|packs)'
git rev-parse HEAD
cd ..
git clone -q repo c1 && git -C c1 log --oneline | wc -l
git clone -q "file://$PWD/repo" c2 && git -C c2 rev-parse HEAD
git daemon --export-all --base-path="$PWD" --listen=127.0.0.1 --port=9418 --reuseaddr "$PWD" 2> daemon.log &
daemon=$!
for _ in $(seq 100); do git ls-remote -q git://127.0.0.1/repo HEAD > /dev/null 2>&1 && break; sleep 0.1; done
git clone -q git://127.0.0.1/repo c3 && git -C c3 rev-parse HEAD && diff -r --exclude=.git repo c3 && echo same
echo more > c3/more && git -C c3 add more && git -C c3 commit -q -m more && git -C c3 format-patch -1 --stdout | grep -v '^[0-9.]*$' | sha256sum
git -C c1 pull -q ../c3 main && git -C c1 log -1 --format=%s
kill $daemon
