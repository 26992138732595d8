# Servers and clients over loopback.
mkdir www; seq 20000 > www/big; echo hello > www/index.html; printf 'user root;\nworker_processes 2;\ndaemon on;\npid %s/nginx.pid;\nerror_log stderr;\nevents {}\nhttp { access_log off; client_body_temp_path %s/b; proxy_temp_path %s/p; fastcgi_temp_path %s/f; uwsgi_temp_path %s/u; scgi_temp_path %s/s; server { listen 127.0.0.1:8093; root %s/www; } }\n' "$PWD" "$PWD" "$PWD" "$PWD" "$PWD" "$PWD" "$PWD" > nginx.conf
ready() { for _ in $(seq 200); do curl -s -o /dev/null "http://127.0.0.1:$1/" && return; sleep 0.1; done; echo "port $1 does not answer"; exit 1; }
(cd www && exec python3 -m http.server 8091 --bind 127.0.0.1 > ../py.log 2>&1) & py=$!
busybox httpd -f -p 127.0.0.1:8092 -h www & bb=$!
nginx -c "$PWD/nginx.conf" 2> nginx.log
for port in 8091 8092 8093; do
    ready $port
    curl -s "http://127.0.0.1:$port/"
    curl -s "http://127.0.0.1:$port/big" | sha256sum
    wget -q -O - "http://127.0.0.1:$port/big" | sha256sum
    busybox wget -q -O - "http://127.0.0.1:$port/big" | sha256sum
    curl -s -o /dev/null -w '%{http_code}\n' "http://127.0.0.1:$port/nothing"
    clients=()
    for i in $(seq 8); do curl -s "http://127.0.0.1:$port/big" | cksum > "got.$i" & clients+=($!); done
    wait "${clients[@]}"
    sort -u got.* | wc -l
done
curl -s -r 100-199 http://127.0.0.1:8093/big | cksum
kill $py $bb "$(cat nginx.pid)"
