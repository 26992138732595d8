// class: latency
// Linked list walk in 512 KiB, and tree search.
#include "kernel.h"
struct node { struct node *left, *right; u64 key; };
static struct node pool[20000];
static u64 run(long scale) {
    u64 seed = 41, hits = 0;
    struct node* root = 0;
    for (int i = 0; i < 20000; i++) {
        pool[i].key = next_random(&seed) % 100000;
        struct node** at = &root;
        while (*at) at = pool[i].key < (*at)->key ? &(*at)->left : &(*at)->right;
        *at = &pool[i];
    }
    for (long r = 0; r < 2500000 * scale; r++) {
        u64 key = next_random(&seed) % 100000;
        struct node* n = root;
        while (n && n->key != key) n = key < n->key ? n->left : n->right;
        hits += n != 0;
    }
    return hits;
}
