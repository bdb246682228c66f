/* The compiled scorer: text in, logits or predictions out. What it computes is defined by stance/reference.py, and
 * tests hold the two together; this file only makes it fast:
 *
 * - A text is lower-cased and cut into words many bytes at a time, without a branch a letter.
 * - A word met before costs one look-up: its 1-gram's row and the sum of its character n-grams' rows are kept by hash
 *   in a bounded cache, one for each call that runs at the same time. A new word takes the slow way once.
 * - A 2-gram's hash is made from its two units' hashes; its row lies beside the hash that it is found by.
 * - Some texts are scored together, each step for all of them, so that one word waits for memory while the next is on
 *   its way.
 * - Weights are whole numbers, times one step a block, so that sums are exact in any order, and each text's by itself:
 *   a score never depends on neighbours or threads.
 *
 * A feature is known by the 64-bit hash of its key, less a bit or those that say where in a table it is; the keys themselves
 * are not compared. Loading refuses a model two of whose keys share so much. The hash has no secret: words can be made
 * that share one, and so each other's rows.
 *
 * Scoring runs without the interpreter lock; see `Gather` for what is done under it.
 *
 * Only the limited API of Python 3.11 is used. */

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#if defined(__linux__)
#include <sys/mman.h>
#endif

/* Copies of the loops over rows of twelve, for processors with 32-byte vectors. */
#if defined(__x86_64__) && defined(__GNUC__) && (!defined(_WIN32) || defined(__clang__)) /* GCC aligns no stack there */
#include <immintrin.h>
#define AVX2 1
#define TWELVES __attribute__((target("avx2")))
#endif

/* On glibc, a second copy of the hot functions for processors with 32-byte vectors, chosen when the module loads. */
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
#define WIDE __attribute__((target_clones("avx2", "default")))
#else
#define WIDE
#endif

#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>
#define INLINE static __forceinline
#define PREFETCH(p) ((void)(p))
#else
#define INLINE static inline __attribute__((always_inline))
#define PREFETCH(p) __builtin_prefetch(p)
#endif

/* Keep compilers from knowing a number, and so from putting a branch where arithmetic was meant. */
#if defined(__GNUC__)
#define OPAQUE(number) __asm__("" : "+r"(number))
#else
#define OPAQUE(number) ((void)(number))
#endif

typedef uint64_t u64;
typedef uint32_t u32;
typedef uint16_t u16;
typedef unsigned char u8;

enum {
    PAD = 128,            /* readable zero bytes after every buffer that is scanned */
    WORD_LIMIT = 40,      /* characters of a word that its n-grams and prefixes look at */
    NEGATION_REACH = 4,   /* words after a negation that it reaches */
    CACHE_LIMIT = 1 << 16, /* words kept; texts scored together may go past it, the next begin anew */
    ROOTS = 512,          /* inverse square roots kept */
    EXACT = 1 << 15,      /* rows of 16 bits whose sum 32 bits always hold */
    CHUNK = 128,          /* texts whose bytes are looked up at a time, while they are warm */
    BLOCK = 8192          /* texts whose predictions are made at a time */
};

/* ---- memory ---------------------------------------------------------------------------------------------------- */

#if defined(__linux__)
#define LARGE ((size_t)1 << 21)
static size_t large_size(size_t size) { return (size + LARGE - 1) / LARGE * LARGE; }
#endif

/* Zeros; in large pages where they fill half of one: a small page touched for the first time, or looked at out of
 * order, costs more than what is done with it. */
static void *zeros_new(size_t count, size_t each) {
#if defined(__linux__)
    if (count > SIZE_MAX / 4 / each) return NULL;
    if (count * each >= LARGE / 2) {
        size_t size = large_size(count * each);
        u8 *block = mmap(NULL, size + LARGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *from;
        if (block == MAP_FAILED) return NULL;
        from = (u8 *)(((uintptr_t)block + LARGE - 1) & ~(uintptr_t)(LARGE - 1));
        if (from > block) munmap(block, (size_t)(from - block));
        if (block + LARGE > from) munmap(from + size, (size_t)(block + LARGE - from));
        (void)madvise(from, size, MADV_HUGEPAGE);
        return from;
    }
#endif
    return calloc(count, each);
}

static void zeros_free(void *from, size_t count, size_t each) {
#if defined(__linux__)
    if (from && count * each >= LARGE / 2) {
        munmap(from, large_size(count * each));
        return;
    }
#endif
    (void)count, (void)each;
    free(from);
}

/* ---- hashing --------------------------------------------------------------------------------------------------- */

#define K_LENGTH 0x9E3779B97F4A7C15ull
#define K_BYTES 0xD1B54A32D192ED03ull
#define K_LEFT 0x8CB92BA72F3D8DD7ull
#define K_PAIR 0xABC98388FB8FAC03ull

/* The high and the low half of a 128-bit product, one over the other. */
INLINE u64 fold(u64 a, u64 b) {
#if defined(__SIZEOF_INT128__)
    unsigned __int128 product = (unsigned __int128)a * b;
    return (u64)(product >> 64) ^ (u64)product;
#elif defined(_MSC_VER) && defined(_M_X64)
    u64 high, low = _umul128(a, b, &high);
    return high ^ low;
#else
    u64 a0 = (u32)a, a1 = a >> 32, b0 = (u32)b, b1 = b >> 32;
    u64 middle = a1 * b0 + (a0 * b0 >> 32), other = a0 * b1 + (u32)middle;
    return (a1 * b1 + (middle >> 32) + (other >> 32)) ^ (a * b);
#endif
}

INLINE u64 load64(const u8 *p) {
    u64 value;
    memcpy(&value, p, 8);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap64(value);
#endif
    return value;
}

INLINE int lowest_bit(u64 bits) {
#if defined(_MSC_VER) && !defined(__clang__)
    unsigned long at;
#if defined(_WIN64)
    _BitScanForward64(&at, bits);
    return (int)at;
#else
    if (_BitScanForward(&at, (u32)bits)) return (int)at;
    _BitScanForward(&at, (u32)(bits >> 32));
    return (int)at + 32;
#endif
#else
    return __builtin_ctzll(bits);
#endif
}

/* Hash of n bytes, of which 8 beyond the end may be read; never 0. */
INLINE u64 hash_bytes(const u8 *p, size_t n) {
    u64 h = (u64)n * K_LENGTH;
    while (n > 8) {
        h = fold(h ^ load64(p), K_BYTES);
        p += 8;
        n -= 8;
    }
    h = fold(h ^ (n ? load64(p) & (~0ull >> (64 - 8 * n)) : 0), K_BYTES);
    return h + !h;
}

/* The same for a word in w->text, where more may be read: mostly without a branch. */
INLINE u64 hash_word(const u8 *p, size_t n) {
    static const u64 MASKS[9] = {0, 0xFF, 0xFFFF, 0xFFFFFF, 0xFFFFFFFF, 0xFFFFFFFFFF, 0xFFFFFFFFFFFF, 0xFFFFFFFFFFFFFF, ~0ull};
    u64 one, two;
    if (n > 16) return hash_bytes(p, n);
    one = fold((u64)n * K_LENGTH ^ (load64(p) & MASKS[n < 8 ? n : 8]), K_BYTES);
    two = fold(one ^ (load64(p + 8) & MASKS[n > 8 ? n - 8 : 0]), K_BYTES);
    one = n > 8 ? two : one;
    return one + !one;
}

INLINE u64 hash_pair(u64 left, u64 right) {
    u64 h = fold((left + K_LEFT) ^ (right << 29 | right >> 35), K_PAIR);
    return h + !h;
}

/* ---- tables ---------------------------------------------------------------------------------------------------- */

/* Open addressing from hash to number. A cell is the hash with number + 1 in place of its lowest bits, as many as the
 * mask has: those say where to begin looking. An empty cell is 0. */
typedef struct {
    u64 *cells;
    size_t size, limit;
    u64 mask;
} Table;

/* Cells for so many: at most three in five are taken. */
static size_t cells_for(size_t limit) {
    size_t cells = 16;
    while (3 * cells < 5 * limit) cells *= 2;
    return cells;
}

static int table_init(Table *t, size_t limit) {
    memset(t, 0, sizeof *t);
    if (limit > SIZE_MAX / 64) return -1;
    t->limit = limit;
    t->mask = cells_for(limit) - 1;
    t->cells = zeros_new(t->mask + 1, sizeof *t->cells);
    return t->cells ? 0 : -1;
}

static void table_free(Table *t) {
    zeros_free(t->cells, t->mask + 1, sizeof *t->cells);
    memset(t, 0, sizeof *t);
}

/* The hash's number, or -1. */
INLINE int64_t table_get(const Table *t, u64 h) {
    for (u64 i = h & t->mask;; i = (i + 1) & t->mask) {
        u64 cell = t->cells[i];
        if ((cell ^ h) <= t->mask) return (int64_t)(cell & t->mask) - 1;
        if (!cell) return -1;
    }
}

/* Give the hash the next number; -1 if it has one. */
static int64_t table_add(Table *t, u64 h) {
    u64 i = h & t->mask;
    while (t->cells[i] && (t->cells[i] ^ h) > t->mask) i = (i + 1) & t->mask;
    if (t->cells[i] || t->size >= t->limit) return -1;
    t->cells[i] = (h & ~t->mask) | (t->size + 1);
    return (int64_t)t->size++;
}

/* A row of `width` numbers as a model's file has them, little-endian, to one of ours. */
INLINE void copy_row(u8 *to, const u8 *from, size_t width) {
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    for (size_t i = 0; i < 2 * width; i++) to[i] = from[i ^ 1];
#else
    memcpy(to, from, 2 * width);
#endif
}

/* Rows of weights by hash. A slot is a tag and its row, side by side, so that both come with one look at memory. The tag
 * is the hash, but for its lowest bit: that says whether a hash that should be in this slot is further on. An empty
 * slot's tag is 0. */
typedef struct {
    u64 *slots;
    size_t size, limit, lanes; /* lanes: numbers in a row, a multiple of four */
    u64 mask;
} Weights;

/* Numbers of 64 bits in a slot. */
INLINE size_t slot_size(size_t lanes) { return 1 + lanes / 4; }

static int weights_init(Weights *t, size_t limit, size_t lanes) {
    memset(t, 0, sizeof *t);
    if (limit > SIZE_MAX / 4096) return -1;
    t->limit = limit;
    t->lanes = lanes;
    t->mask = cells_for(limit) - 1;
    t->slots = zeros_new(t->mask + 1, slot_size(lanes) * sizeof *t->slots);
    return t->slots ? 0 : -1;
}

static void weights_free(Weights *t) {
    zeros_free(t->slots, t->mask + 1, slot_size(t->lanes) * sizeof *t->slots);
    memset(t, 0, sizeof *t);
}

INLINE u64 *weights_slot(const Weights *t, size_t lanes, u64 h) { return t->slots + (h & t->mask) * slot_size(lanes); }

/* Have the hash's slot fetched. */
INLINE void weights_ahead(const Weights *t, size_t lanes, u64 h) {
    const u64 *slot = weights_slot(t, lanes, h);
    PREFETCH(slot);
    if (lanes != 12) PREFETCH(slot + lanes / 4); /* those of twelve lie in one line, in large tables */
}

static const u8 NOTHING[2 * 256]; /* a row of zeros */

/* The slow way to a row that is not where it should be. */
static const u8 *weights_far(const Weights *t, u64 h) {
    for (u64 at = h + 1;; at++) {
        const u64 *slot = weights_slot(t, t->lanes, at);
        if ((*slot ^ h) <= 1) return (const u8 *)(slot + 1);
        if (!*slot) return NOTHING;
    }
}

/* The hash's row, or zeros. There is a branch only for rows that are further on: whether a hash is known cannot be
 * foretold. */
INLINE const u8 *weights_get(const Weights *t, size_t lanes, u64 h) {
    const u64 *slot = weights_slot(t, lanes, h);
    const u64 tag = *slot;
    const uintptr_t nothing = (uintptr_t)NOTHING;
    uintptr_t found = 0 - (uintptr_t)((tag ^ h) <= 1); /* all bits, or none */
    OPAQUE(found);
    if (tag & ~(u64)found & 1) return weights_far(t, h);
    return (const u8 *)(nothing + (((uintptr_t)(slot + 1) - nothing) & found));
}

/* Add a row of `width` little-endian numbers; -1 if the hash has one. */
static int weights_add(Weights *t, u64 h, const u8 *row, size_t width) {
    u64 *slot = weights_slot(t, t->lanes, h);
    if (t->size >= t->limit) return -1;
    if (h <= 1) { /* of an empty key: no word has it */
        t->size++;
        return 0;
    }
    if (*slot) {
        if ((*slot ^ h) <= 1) return -1;
        *slot |= 1;
        for (u64 at = h + 1; *slot; at++) {
            slot = weights_slot(t, t->lanes, at);
            if (*slot && (*slot ^ h) <= 1) return -1;
        }
    }
    *slot = h & ~1ull;
    copy_row((u8 *)(slot + 1), row, width);
    t->size++;
    return 0;
}

/* ---- a model --------------------------------------------------------------------------------------------------- */

typedef struct {
    u64 hash; /* of the part without its star */
    const u8 *text;
    u32 size;
    int star; /* any word that begins so */
} Part;

typedef struct {
    int scope; /* 0: a cue or an alias; 1 negation, 2 concession, 3 turn */
    int id;    /* of the cue or the entity group */
    int count;
    Part *parts;
    int next; /* phrase with the same first part, or -1 */
} Phrase;

/* Phrases by their first part. */
typedef struct {
    Table table;
    int *first, *last;
} Starts;

typedef struct Worker Worker;

typedef struct {
    PyObject_HEAD
    int width, lanes, topics, targets, stances, neutral; /* neutral: its number among the stances, or -1 */
    int char_min, char_max;
    int twelves;             /* whether the functions marked TWELVES are for this model and processor */
    Weights words, grams;    /* of the two large blocks */
    int32_t *rows;           /* the other blocks' rows, and a row of zeros */
    size_t row_count;        /* without that one */
    double *steps;           /* what a weight of 1 stands for, block by block */
    u8 kinds[128];           /* of ASCII: 1 is of words, 2 ends a clause, 4 does so twice in a row */
    double roots[ROOTS];     /* 1 / sqrt(i), and 0 */
    double *bias, *thresholds, *blank; /* the bias of all lanes */
    u8 *phrase_text;
    Part *parts;
    Phrase *phrases;
    Starts aliases, exact, prefix;
    int groups, cues, contexts;
    u64 *group_hash, *context_mask;
    int32_t *lexicon_row;    /* [4][cues] numbers of `rows`; plain, negated, conceded, before */
    int32_t *context_row;    /* [contexts][4][cues] */
    int32_t *pair_row;       /* [groups][groups] */
    int32_t *presence_row;   /* groups, then contexts; negative: it does not count */
    u32 *pages[0x1100];      /* by code point / 256; see character() */
    Worker *idle;
    PyObject *type, *slots[6], *names[3]; /* Prediction, its slots' descriptors; topics, targets, stances */
    descrsetfunc set_slot[6];
} Kernel;

/* ---- a worker: what one call needs to itself ------------------------------------------------------------------- */

/* What is known of a word, behind its two rows. */
typedef struct {
    u64 unit;   /* its hash, or that of its group */
    u32 onward; /* which bits of the next word's hash, its lowest five, let a phrase of its entry go on; all, if a phrase
                   ends with it or it has a rest; 0: it has no entry */
    u16 grams;  /* the number of its n-grams */
    u8 group;   /* the group it always stands for, from 1, or 0 */
} Known;

/* An alias that stands for `count` words from `first`. */
typedef struct {
    u32 first, count, group;
} Span;

/* What follows from the set of groups that a text names. */
typedef struct {
    u64 groups, wholes; /* wholes: a bit for each set of groups that is all there */
    int filled, pairs, presences; /* pairs, presences: how many features those are */
} Company;

/* A text that is being scored. */
typedef struct {
    double *out;
    size_t first, words;                   /* where its words begin among all that are scored together; how many */
    size_t pairs, units, grams, counts[3];
} Pending;

/* A text's words. */
typedef struct {
    const u64 *hash; /* and whatever comes after the last one */
    const u32 *row, *start, *end;
    size_t count;
} Words;

typedef struct {
    int cue;
    u32 first, last;
} Mark;

enum {
    TOGETHER = 8,   /* texts that are scored together, */
    MUCH = 1 << 13, /* but for those that follow on so many bytes */
    COMPANIES = 64  /* sets of groups kept, a power of two */
};

struct Worker {
    Worker *next;
    Table slots; /* from a word's hash to its row; the first rows are the groups', and no word's */
    u8 *rows;    /* of word_size() bytes: its unit's weights, its n-grams' sum, Known */
    void *rows_block;
    size_t row_count;
    u32 *entry;   /* where a row's word has its entry, 0 if it has none */
    int *entries; /* how many of each list; the first cue and the first scope of one part, and whether there are such;
                     whether there is more; then five lists: what of the n-grams' sum its row did not hold; phrases of
                     aliases; cues of one part; scopes of one part; phrases of more parts. Offset 0 is unused */
    size_t entry_used, entry_size, most; /* most: the cues and scopes of the richest entry */
    u8 *text; /* normalised: separators are 0 */
    size_t text_size;
    u32 *start, *end, *row, *special, *breaks; /* special: words with an entry */
    u64 *reach[2]; /* a bit for each word */
    u64 *hash, *unit_hash, *row_hash; /* of words, units and rows */
    Span *spans;
    size_t word_size;
    Mark *marks, *scopes;
    size_t mark_size;
    Company *companies;
    int32_t *company_sums; /* two a company: pairs of groups, presence */
    Pending pending[TOGETHER];
    u64 *pair; /* hashes of the pending texts' 2-grams */
    size_t pair_used, pair_size;
    double *sums; /* five blocks for each pending text */
    u64 group_bit[65]; /* 0, and a bit for each group */
};

static void worker_free(Worker *w) {
    if (!w) return;
    table_free(&w->slots);
    free(w->rows_block);
    free(w->row_hash);
    free(w->entry);
    free(w->entries);
    free(w->text);
    free(w->start);
    free(w->end);
    free(w->row);
    free(w->special);
    free(w->breaks);
    free(w->reach[0]);
    free(w->reach[1]);
    free(w->hash);
    free(w->unit_hash);
    free(w->spans);
    free(w->marks);
    free(w->scopes);
    free(w->companies);
    free(w->company_sums);
    free(w->pair);
    free(w->sums);
    free(w);
}

static int grow(void *where, size_t count, size_t size) {
    void *block, *old;
    if (count > SIZE_MAX / size) return -1;
    memcpy(&old, where, sizeof old);
    block = realloc(old, count * size);
    if (!block) return -1;
    memcpy(where, &block, sizeof block);
    return 0;
}

static int need_words(Worker *w, size_t count) {
    size_t n = w->word_size ? w->word_size : 64;
    if (count + 1 <= w->word_size) return 0;
    while (n < count + 1) n *= 2;
    w->word_size = 0;
    if (grow(&w->start, n, sizeof *w->start) || grow(&w->end, n, sizeof *w->end) ||
        grow(&w->row, n, sizeof *w->row) || grow(&w->special, n, sizeof *w->special) ||
        grow(&w->breaks, n, sizeof *w->breaks) ||
        grow(&w->reach[0], n / 64 + 1, sizeof **w->reach) || grow(&w->reach[1], n / 64 + 1, sizeof **w->reach) ||
        grow(&w->hash, n, sizeof *w->hash) || grow(&w->unit_hash, n, sizeof *w->unit_hash) ||
        grow(&w->spans, n, sizeof *w->spans))
        return -1;
    w->word_size = n;
    return 0;
}

/* ---- text to words --------------------------------------------------------------------------------------------- */

#define ALNUM 0x80000000u
#define SPACE 0x40000000u
#define POINT 0x001FFFFFu

/* Lower case of a code point with the two marks above. The page is there: pages_for() saw to it. */
INLINE u32 character(const Kernel *k, u32 point) {
    const u32 *page = k->pages[point >> 8];
    return page ? page[point & 255] : 0;
}

INLINE u32 decode(const u8 **p) { /* valid UTF-8, or surrogates in its form; not ASCII */
    const u8 *s = *p;
    if (s[0] < 0xE0) {
        *p += 2;
        return (u32)(s[0] & 0x1F) << 6 | (s[1] & 0x3F);
    }
    if (s[0] < 0xF0) {
        *p += 3;
        return (u32)(s[0] & 0x0F) << 12 | (u32)(s[1] & 0x3F) << 6 | (s[2] & 0x3F);
    }
    *p += 4;
    return (u32)(s[0] & 0x07) << 18 | (u32)(s[1] & 0x3F) << 12 | (u32)(s[2] & 0x3F) << 6 | (s[3] & 0x3F);
}

INLINE u8 *encode(u8 *out, u32 point) {
    if (point < 0x80) {
        *out++ = (u8)point;
    } else if (point < 0x800) {
        *out++ = (u8)(0xC0 | point >> 6);
        *out++ = (u8)(0x80 | (point & 0x3F));
    } else if (point < 0x10000) {
        *out++ = (u8)(0xE0 | point >> 12);
        *out++ = (u8)(0x80 | (point >> 6 & 0x3F));
        *out++ = (u8)(0x80 | (point & 0x3F));
    } else {
        *out++ = (u8)(0xF0 | point >> 18);
        *out++ = (u8)(0x80 | (point >> 12 & 0x3F));
        *out++ = (u8)(0x80 | (point >> 6 & 0x3F));
        *out++ = (u8)(0x80 | (point & 0x3F));
    }
    return out;
}

/* Branch-free, so that compilers make vector code of it. */
INLINE void normalise_ascii(const u8 *s, size_t n, u8 *out) {
    for (size_t i = 0; i < n; i++) {
        u8 c = s[i], lower = c | 0x20;
        u8 letter = (u8)-(u8)((u8)(lower - 'a') < 26), digit = (u8)-(u8)((u8)(c - '0') < 10);
        out[i] = (lower & letter) | ('0' & digit);
    }
}

/* Length of the run of ASCII at s. */
INLINE size_t ascii_run(const u8 *s, size_t n) {
    size_t i = 0;
    u64 eight;
#if defined(__SSE2__)
    for (; i + 16 <= n; i += 16) {
        int high = _mm_movemask_epi8(_mm_loadu_si128((const __m128i *)(const void *)(s + i)));
        if (high) return i + (size_t)lowest_bit((u64)(u32)high);
    }
#endif
    for (; i + 8 <= n; i += 8) {
        memcpy(&eight, s + i, 8);
        if (eight & 0x8080808080808080ull) break;
    }
    while (i < n && s[i] < 0x80) i++;
    return i;
}

/* Room to normalise a text in. */
INLINE size_t text_room(size_t n, int ascii) { return (ascii ? n : 2 * n) + PAD; } /* lower case: 3 bytes for 2 at most */

static int need_text(Worker *w, size_t wanted) {
    if (w->text_size >= wanted) return 0;
    free(w->text);
    w->text = malloc(2 * wanted);
    w->text_size = w->text ? 2 * wanted : 0;
    return w->text ? 0 : -1;
}

/* Normalise, with PAD zeros after it, and give the length. */
INLINE size_t normalise(const Kernel *k, u8 *to, const u8 *s, size_t n, int ascii) {
    const u8 *stop = s + n;
    u8 *out = to;
    if (ascii) {
        normalise_ascii(s, n, out);
        out += n;
    } else {
        while (s < stop) {
            size_t run = ascii_run(s, (size_t)(stop - s));
            normalise_ascii(s, run, out);
            out += run;
            s += run;
            while (s < stop && *s >= 0x80) {
                u32 found = character(k, decode(&s));
                if (found & ALNUM)
                    out = encode(out, found & POINT);
                else
                    *out++ = 0;
            }
        }
    }
    for (int c = 0; c < PAD; c += 16) memset(out + c, 0, 16); /* in one piece it is slow to begin */
    return (size_t)(out - to);
}

/* A bit for each of 64 bytes that is not 0. */
INLINE u64 filled(const u8 *p) {
    u64 bits = 0;
#if defined(__SSE2__)
    for (int i = 0; i < 4; i++) {
        __m128i zero = _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)(p + 16 * i)), _mm_setzero_si128());
        bits |= (u64)(u16)~_mm_movemask_epi8(zero) << (16 * i);
    }
#else
    for (int i = 0; i < 8; i++) {
        u64 x = load64(p + 8 * i);
        x = (((x & 0x7F7F7F7F7F7F7F7Full) + 0x7F7F7F7F7F7F7F7Full) | x) & 0x8080808080808080ull;
        bits |= ((x >> 7) * 0x0102040810204080ull >> 56) << (8 * i);
    }
#endif
    return bits;
}

/* Where the words of a text begin and end: of n bytes in w->text, from byte `from`. The first is to be number `words`;
 * gives the number after the last one, or -1 when memory is out. */
INLINE int64_t split(Worker *w, size_t from, size_t n, size_t words) {
    size_t starts = words, ends = words;
    u64 carry = 0;
    for (size_t at = from; at <= from + n; at += 64) {
        u64 bits = filled(w->text + at), before = bits << 1 | carry;
        u64 begin = bits & ~before, finish = ~bits & before;
        carry = bits >> 63;
        if (starts + 32 >= w->word_size && need_words(w, starts + 64) < 0) return -1;
        for (; begin; begin &= begin - 1) w->start[starts++] = (u32)(at + (size_t)lowest_bit(begin));
        for (; finish; finish &= finish - 1) w->end[ends++] = (u32)(at + (size_t)lowest_bit(finish));
    }
    return (int64_t)ends;
}

/* ---- rows ------------------------------------------------------------------------------------------------------ */

/* Sums and rows are of a multiple of four lanes. */
#if defined(__GNUC__)
typedef double Four __attribute__((vector_size(32)));
typedef int32_t FourInts __attribute__((vector_size(16)));
typedef int16_t FourShorts __attribute__((vector_size(8)));
#endif

/* Add a row of 16 bits, or take it away: times is 1 or -1. */
INLINE void add_times(double *sum, const void *row, int lanes, double times) {
    for (int c = 0; c < lanes; c += 4) {
#if defined(__GNUC__)
        FourInts some;
        Four one;
#if defined(__SSE2__)
        __m128i shorts = _mm_loadl_epi64((const __m128i *)(const void *)((const u8 *)row + 2 * c));
        some = (FourInts)_mm_srai_epi32(_mm_unpacklo_epi16(shorts, shorts), 16);
#else
        FourShorts shorts;
        memcpy(&shorts, (const u8 *)row + 2 * c, sizeof shorts);
        some = __builtin_convertvector(shorts, FourInts);
#endif
        memcpy(&one, sum + c, sizeof one);
        one += times * __builtin_convertvector(some, Four);
        memcpy(sum + c, &one, sizeof one);
#else
        int16_t some[4];
        memcpy(some, (const u8 *)row + 2 * c, sizeof some);
        for (int i = 0; i < 4; i++) sum[c + i] += times * (double)some[i];
#endif
    }
}

INLINE void add_row(double *sum, const void *row, int lanes) { add_times(sum, row, lanes, 1.0); }

/* Add a row of a small block. */
INLINE void add_feature(double *sum, const int32_t *row, int lanes) {
    for (int c = 0; c < lanes; c += 4) {
#if defined(__GNUC__)
        FourInts some;
        Four one;
        memcpy(&some, row + c, sizeof some);
        memcpy(&one, sum + c, sizeof one);
        one += __builtin_convertvector(some, Four);
        memcpy(sum + c, &one, sizeof one);
#else
        for (int i = 0; i < 4; i++) sum[c + i] += row[c + i];
#endif
    }
}

INLINE void zeros(double *sum, int lanes) {
#if defined(__GNUC__)
    const Four none = {0};
    for (int c = 0; c < lanes; c += 4) memcpy(sum + c, &none, sizeof none);
#else
    memset(sum, 0, (size_t)lanes * sizeof *sum);
#endif
}

#if AVX2
/* Add twelve whole numbers. */
INLINE TWELVES void add_twelve(double *sum, __m256i eight, __m128i four) {
    const __m128i parts[3] = {_mm256_castsi256_si128(eight), _mm256_extracti128_si256(eight, 1), four};
    for (int c = 0; c < 3; c++)
        _mm256_storeu_pd(sum + 4 * c, _mm256_add_pd(_mm256_loadu_pd(sum + 4 * c), _mm256_cvtepi32_pd(parts[c])));
}
#endif

/* A row of the three small blocks. */
INLINE const int32_t *feature(const Kernel *k, int lanes, int32_t number) { return k->rows + (size_t)number * (size_t)lanes; }

/* Bytes of a word's row in the worker. */
INLINE size_t word_size(int lanes) { return 4 * (size_t)lanes + sizeof(Known); }

INLINE int16_t *own_row(const Worker *w, int lanes, size_t row) { return (int16_t *)(void *)(w->rows + row * word_size(lanes)); }

INLINE int16_t *gram_row(const Worker *w, int lanes, size_t row) { return own_row(w, lanes, row) + lanes; }

INLINE Known *known(const Worker *w, int lanes, size_t row) { return (Known *)(void *)(own_row(w, lanes, row) + 2 * lanes); }

/* The group a word stands for, as a bit. */
INLINE u64 group_bit(const Worker *w, const Known *it) { return w->group_bit[it->group]; }

/* One more row, its number, with the weights of the 1-gram of that hash; -1 when memory is out. */
static int64_t new_row(const Kernel *k, Worker *w, u64 h) {
    int64_t row;
    const size_t row_size = word_size(k->lanes);
    if (w->slots.size == w->row_count) {
        size_t rows = w->row_count ? 2 * w->row_count : 1024;
        void *block = malloc(rows * row_size + 64);
        u8 *grown = (u8 *)(((uintptr_t)block + 63) & ~(uintptr_t)63);
        if (!block || grow(&w->row_hash, rows, sizeof *w->row_hash) || grow(&w->entry, rows, sizeof *w->entry)) {
            free(block);
            return -1;
        }
        if (w->row_count) memcpy(grown, w->rows, w->row_count * row_size);
        free(w->rows_block);
        w->rows_block = block;
        w->rows = grown;
        w->row_count = rows;
    }
    row = (int64_t)w->slots.size;
    memset(w->rows + (size_t)row * row_size, 0, row_size);
    memcpy(own_row(w, k->lanes, (size_t)row), weights_get(&k->words, (size_t)k->lanes, h), 2 * (size_t)k->lanes);
    w->row_hash[row] = known(w, k->lanes, (size_t)row)->unit = h;
    w->entry[row] = 0;
    return row;
}

/* Forget all words. */
static int worker_clear(const Kernel *k, Worker *w) {
    size_t limit = (size_t)k->groups + 2048;
    table_free(&w->slots);
    if (table_init(&w->slots, limit) < 0) return -1;
    w->entry_used = 1;
    w->most = 0;
    for (int g = 0; g < k->groups; g++, w->slots.size++)
        if (new_row(k, w, k->group_hash[g]) < 0) return -1;
    return 0;
}

static Worker *worker_new(const Kernel *k) {
    Worker *w = calloc(1, sizeof *w);
    size_t sums = (size_t)k->lanes * sizeof *w->sums;
    if (!w) return NULL;
    for (int g = 0; g < 64; g++) w->group_bit[g + 1] = 1ull << g;
    w->sums = malloc(5 * TOGETHER * sums);
    w->companies = calloc(COMPANIES, sizeof *w->companies);
    w->company_sums = malloc(2 * COMPANIES * (size_t)k->lanes * sizeof *w->company_sums);
    if (!w->sums || !w->companies || !w->company_sums || worker_clear(k, w) < 0) {
        worker_free(w);
        return NULL;
    }
    return w;
}

static int push_entry(Worker *w, int value) {
    if (w->entry_used >= w->entry_size) {
        size_t size = w->entry_size ? 2 * w->entry_size : 1024;
        if (size > 0xFFFFFFFFu || grow(&w->entries, size, sizeof *w->entries)) return -1;
        w->entry_size = size;
    }
    w->entries[w->entry_used++] = value;
    return 0;
}

enum { REST, ALIASES, CUES, SCOPES, PHRASES, CUE, HAS_CUE, SCOPE, HAS_SCOPE, MORE, HEADER }; /* the head of an entry */

/* Add to the entry at `start`, of which this list is the last one, the phrases whose first part has this hash; no cue
 * or scope of one part twice. */
static int push_phrases(const Kernel *k, Worker *w, const Starts *starts, u64 h, int list, size_t start) {
    int64_t at = table_get(&starts->table, h);
    for (int p = at < 0 ? -1 : starts->first[at]; p >= 0; p = k->phrases[p].next) {
        const Phrase *phrase = &k->phrases[p];
        int kind = phrase->count > 1 ? PHRASES : phrase->scope ? SCOPES : CUES, twice = 0;
        int value = list == CUES ? phrase->id : list == SCOPES ? phrase->scope : p;
        if (list != ALIASES && kind != list) continue;
        for (int i = 1; i <= w->entries[start + (size_t)list] && list != ALIASES; i++)
            twice |= w->entries[w->entry_used - (size_t)i] == value;
        if (twice) continue;
        if (push_entry(w, value) < 0) return -1;
        w->entries[start + (size_t)list]++;
    }
    return 0;
}

/* The group that a word stands for wherever no alias that began before reaches it, from 1: if it is an alias, and begins
 * no longer one. 0: there is none. */
static int own_group(const Kernel *k, u64 h) {
    int64_t at = table_get(&k->aliases.table, h);
    if (at < 0) return 0;
    for (int p = k->aliases.first[at]; p >= 0; p = k->phrases[p].next)
        if (k->phrases[p].count > 1) return 0;
    return k->phrases[k->aliases.first[at]].id + 1;
}

/* A word's phrases, but for aliases where it has its own group, and the rest of its n-grams' sum, if that is any; its
 * characters are marked[edge[1]] to marked[edge[chars + 1]]. Gives where they are, 0 if there are none, and -1 when
 * memory is out. */
static int64_t new_entry(const Kernel *k, Worker *w, u64 h, const u8 *marked, const size_t *edge, size_t chars, int group,
                         const int32_t *rest, u32 *next) {
    size_t start = w->entry_used, marks;
    int *entry, *list;
    for (int i = 0; i < HEADER; i++)
        if (push_entry(w, 0) < 0) return -1;
    for (int c = 0; rest && c < k->lanes; c++, w->entries[start + REST]++)
        if (push_entry(w, rest[c]) < 0) return -1;
    if (!group && push_phrases(k, w, &k->aliases, h, ALIASES, start) < 0) return -1;
    for (int kind = CUES; kind <= PHRASES; kind++) {
        if (push_phrases(k, w, &k->exact, h, kind, start) < 0) return -1;
        for (size_t c = 1; c <= chars; c++) {
            u8 begin[4 * WORD_LIMIT + 8];
            size_t n = edge[c + 1] - 1;
            memset(begin + n, 0, 8);
            memcpy(begin, marked + 1, n);
            if (push_phrases(k, w, &k->prefix, hash_bytes(begin, n), kind, start) < 0) return -1;
        }
    }
    if (w->entry_used == start + HEADER) {
        w->entry_used = start;
        return 0;
    }
    entry = w->entries + start;
    list = entry + HEADER + entry[REST] + entry[ALIASES];
    entry[HAS_CUE] = entry[CUES] > 0;
    entry[HAS_SCOPE] = entry[SCOPES] > 0;
    *next = rest || entry[HAS_CUE] || entry[HAS_SCOPE] ? ~0u : 0;
    for (int i = -entry[ALIASES]; i < entry[CUES] + entry[SCOPES] + entry[PHRASES]; i++) {
        if (i >= 0 && i < entry[CUES] + entry[SCOPES]) continue; /* no phrase's number */
        const Phrase *p = &k->phrases[list[i]];
        *next |= p->count == 1 || p->parts[1].star ? ~0u : 1u << (p->parts[1].hash & 31);
    }
    if (entry[HAS_CUE]) entry[CUE] = *list;
    if (entry[HAS_SCOPE]) entry[SCOPE] = list[entry[CUES]];
    entry[MORE] = w->entry_used - start - HEADER > (size_t)(entry[HAS_CUE] + entry[HAS_SCOPE]);
    marks = (size_t)entry[CUES] + (size_t)entry[SCOPES] + (size_t)entry[PHRASES];
    if (marks > w->most) w->most = marks;
    return (int64_t)start;
}

static int grow_slots(const Kernel *k, Worker *w) {
    Table grown;
    if (table_init(&grown, 2 * w->slots.limit) < 0) {
        table_free(&grown);
        return -1;
    }
    for (grown.size = (size_t)k->groups; grown.size < w->slots.size;)
        if (table_add(&grown, w->row_hash[grown.size]) < 0) grown.size++; /* its neighbour's twin from now on */
    table_free(&w->slots);
    w->slots = grown;
    return 0;
}

/* The slow way: a word's rows and phrases, worked out once. Gives its row, or -1 when memory is out. */
static int64_t learn(const Kernel *k, Worker *w, u64 h, const u8 *word, size_t size) {
    u8 marked[4 * WORD_LIMIT + 2 + 8];
    size_t edge[WORD_LIMIT + 3], used = 1, chars = 0;
    int32_t rest[256] = {0}; /* of the n-grams' sum */
    int64_t row, entry;
    int group = own_group(k, h), all = 1;
    int16_t *sum;
    Known *it;
    u32 next = 0, grams = 0;
    if (w->slots.size == w->slots.limit && grow_slots(k, w) < 0) return -1;
    if ((row = new_row(k, w, h)) < 0) return -1;

    memset(marked, 0, sizeof marked);
    marked[0] = 2;
    edge[0] = 0;
    edge[1] = 1;
    for (size_t i = 0; i < size && chars < WORD_LIMIT; chars++) {
        size_t step = word[i] < 0x80 ? 1 : word[i] < 0xE0 ? 2 : word[i] < 0xF0 ? 3 : 4;
        memcpy(marked + used, word + i, step);
        i += step;
        used += step;
        edge[chars + 2] = used;
    }
    marked[used] = 3;
    edge[chars + 2] = used + 1; /* characters: 0 the start mark, 1..chars, chars + 1 the end mark */
    for (int n = k->char_min; n <= k->char_max; n++)
        for (size_t c = 0; c + (size_t)n <= chars + 2; c++, grams++) {
            size_t from = edge[c];
            int16_t some[256];
            memcpy(some, weights_get(&k->grams, (size_t)k->lanes, hash_bytes(marked + from, edge[c + (size_t)n] - from)),
                   2 * (size_t)k->lanes);
            for (int i = 0; i < k->lanes; i++) rest[i] += some[i];
        }
    sum = gram_row(w, k->lanes, (size_t)row);
    for (int c = 0; c < k->lanes; c++) {
        sum[c] = (int16_t)(rest[c] > INT16_MAX ? INT16_MAX : rest[c] < INT16_MIN ? INT16_MIN : rest[c]);
        rest[c] -= sum[c];
        all &= !rest[c];
    }
    if ((entry = new_entry(k, w, h, marked, edge, chars, group, all ? NULL : rest, &next)) < 0) return -1;
    it = known(w, k->lanes, (size_t)row);
    if (group) {
        memcpy(own_row(w, k->lanes, (size_t)row), own_row(w, k->lanes, (size_t)group - 1), 2 * (size_t)k->lanes);
        it->unit = k->group_hash[group - 1];
        it->group = (u8)group;
    }
    it->grams = (u16)grams;
    it->onward = next;
    w->entry[row] = (u32)entry;
    table_add(&w->slots, h);
    return row;
}

/* ---- the lexicon ----------------------------------------------------------------------------------------------- */

/* Whether the phrase's further parts stand after word i. */
INLINE int follows(const Worker *w, const Words *words, const Phrase *p, size_t i) {
    if (i + (size_t)p->count > words->count) return 0;
    for (int j = 1; j < p->count; j++) {
        const Part *part = &p->parts[j];
        size_t at = i + (size_t)j;
        if (!part->star) {
            if (words->hash[at] != part->hash) return 0;
        } else if (words->end[at] - words->start[at] < part->size ||
                   memcmp(w->text + words->start[at], part->text, part->size)) {
            return 0;
        }
    }
    return 1;
}

/* breaks[j + 1]: the first word at or after j that the end of a clause follows, or n - 1. There is no branch a character:
 * where words end cannot be foretold. */
static void clause_breaks(const Kernel *k, Worker *w, const u8 *s, size_t size, size_t n) {
    const u8 *stop = s + size;
    u32 *breaks = w->breaks, before = 0;
    size_t word = 0; /* words begun so far */
    memset(breaks, 0, (n + 1) * sizeof *breaks);
    while (s < stop) {
        u32 point = *s < 0x80 ? *s++ : decode(&s);
        u32 kind = point < 0x80 ? k->kinds[point] : point == 0x2014 ? 2 : character(k, point) / ALNUM;
        word += kind & ~before & 1;
        breaks[word] |= (kind | (kind & before) >> 1) & 2;
        before = kind;
    }
    for (size_t j = n, next = n - 1; j > 0; j--) {
        if (breaks[j]) next = j - 1;
        breaks[j] = (u32)next;
    }
}

/* Room for all marks and scopes that the special words may begin. */
static int need_marks(Worker *w, const Words *words, size_t specials) {
    u64 count = 1;
    if ((u64)specials * w->most < w->mark_size) return 0;
    for (size_t s = 0; s < specials; s++) {
        const int *entry = w->entries + w->entry[words->row[w->special[s]]];
        count += (u64)entry[CUES] + (u64)entry[SCOPES] + (u64)entry[PHRASES];
    }
    if (count <= w->mark_size) return 0;
    if (count > SIZE_MAX / 4 || w->most > SIZE_MAX / 256) return -1;
    count = 2 * count + 64 * w->most;
    w->mark_size = 0;
    if (grow(&w->marks, (size_t)count, sizeof(Mark)) || grow(&w->scopes, (size_t)count, sizeof(Mark))) return -1;
    w->mark_size = (size_t)count;
    return 0;
}

/* What the special words begin: aliases, that do not overlap, into w->spans; cues into w->marks; scopes into w->scopes.
 * `counts` are theirs. The rest of n-grams' sums is added to theirs. */
INLINE void find_phrases(const Kernel *k, Worker *w, const Words *words, size_t specials, double *grams, size_t counts[3]) {
    size_t spans = 0, marks = 0, scopes = 0, done = 0;
    for (size_t s = 0; s < specials; s++) {
        size_t i = w->special[s], here[2];
        const int *entry = w->entries + w->entry[words->row[i]], *list = entry + HEADER;
        w->marks[marks] = (Mark){entry[CUE], (u32)i, (u32)i};
        marks += (size_t)entry[HAS_CUE];
        w->scopes[scopes] = (Mark){entry[SCOPE], (u32)i, (u32)i};
        scopes += (size_t)entry[HAS_SCOPE];
        if (!entry[MORE]) continue; /* as mostly */
        for (int c = 0; c < entry[REST]; c++) grams[c] += list[c];
        list += entry[REST];
        for (int a = 0; a < entry[ALIASES] && i >= done; a++) {
            const Phrase *p = &k->phrases[list[a]];
            if (!follows(w, words, p, i)) continue;
            w->spans[spans++] = (Span){(u32)i, (u32)p->count, (u32)p->id};
            done = i + (size_t)p->count;
        }
        list += entry[ALIASES];
        for (int c = 1; c < entry[CUES]; c++) w->marks[marks++] = (Mark){list[c], (u32)i, (u32)i};
        list += entry[CUES];
        for (int c = 1; c < entry[SCOPES]; c++) w->scopes[scopes++] = (Mark){list[c], (u32)i, (u32)i};
        list += entry[SCOPES];
        here[0] = marks;
        here[1] = scopes;
        for (int c = 0; c < entry[PHRASES]; c++) {
            const Phrase *p = &k->phrases[list[c]];
            Mark mark = {p->scope ? p->scope : p->id, (u32)i, (u32)i + (u32)p->count - 1};
            Mark *into = p->scope ? w->scopes : w->marks;
            size_t *used = p->scope ? &scopes : &marks, at;
            if (!follows(w, words, p, i)) continue;
            for (at = here[p->scope > 0]; at < *used; at++)
                if (into[at].cue == mark.cue && into[at].last == mark.last) break;
            if (at == *used) into[(*used)++] = mark;
        }
    }
    counts[0] = spans;
    counts[1] = marks;
    counts[2] = scopes;
}

/* Put the groups' hashes and weights in the place of their aliases'; gives the number of units, and adds to the set of
 * groups. What words inside an alias stand for by themselves does not count. */
INLINE size_t collapse(const Kernel *k, Worker *w, int lanes, const Words *words, size_t spans, double *sum, u64 *groups) {
    size_t units = w->spans[0].first, n = words->count;
    u64 covered = 0, named = 0, others = 0;
    for (size_t s = 0; s < spans; s++) {
        const Span span = w->spans[s];
        for (size_t i = span.first; i < span.first + span.count; i++) {
            add_times(sum, own_row(w, lanes, words->row[i]), lanes, -1.0);
            covered |= group_bit(w, known(w, lanes, words->row[i]));
            w->unit_hash[i] = 0; /* no hash is */
        }
        w->unit_hash[span.first] = k->group_hash[span.group];
        add_row(sum, own_row(w, lanes, span.group), lanes);
        named |= 1ull << span.group;
    }
    for (size_t i = units; i < n; i++) {
        u64 h = w->unit_hash[i];
        w->unit_hash[units] = h;
        units += h != 0;
    }
    for (size_t i = 0, s = 0; i < n && covered; i++) {
        while (s < spans && i >= w->spans[s].first + w->spans[s].count) s++;
        if (s == spans || i < w->spans[s].first) others |= group_bit(w, known(w, lanes, words->row[i]));
    }
    *groups = named | (covered ? others : *groups);
    return units;
}

/* Add a row of a small block to the sum of a few. */
INLINE void join(int32_t *sum, const int32_t *row, int lanes) {
    for (int c = 0; c < lanes; c++) sum[c] += row[c];
}

/* What follows from a set of groups; worked out once while it is kept. */
INLINE const Company *company(const Kernel *k, Worker *w, int lanes, u64 groups, const int32_t **sums) {
    size_t at = (size_t)(fold(groups, K_PAIR) & (COMPANIES - 1));
    Company *found = &w->companies[at];
    int32_t *pairs = w->company_sums + 2 * at * (size_t)lanes, *presences = pairs + lanes;
    *sums = pairs;
    if (found->filled && found->groups == groups) return found;
    memset(found, 0, sizeof *found);
    memset(pairs, 0, 2 * (size_t)lanes * sizeof *pairs);
    found->filled = 1;
    found->groups = groups;
    for (u64 left = groups; left; left &= left - 1) {
        int g = lowest_bit(left);
        if (k->presence_row[g] >= 0) {
            join(presences, feature(k, lanes, k->presence_row[g]), lanes);
            found->presences++;
        }
        for (u64 others = left & (left - 1); others; others &= others - 1, found->pairs++)
            join(pairs, feature(k, lanes, k->pair_row[g * k->groups + lowest_bit(others)]), lanes);
    }
    for (int c = 0; c < k->contexts; c++) {
        if (k->context_mask[c] & ~groups) continue;
        found->wholes |= 1ull << c;
        if (k->presence_row[k->groups + c] < 0) continue;
        join(presences, feature(k, lanes, k->presence_row[k->groups + c]), lanes);
        found->presences++;
    }
    return found;
}

INLINE int is_reached(const u64 *reach, size_t word) { return (int)(reach[word / 64] >> (word % 64) & 1); }

/* Which words negations and concessions reach (w->reach); gives the last turn's first word. */
static size_t find_reach(const Kernel *k, Worker *w, const u8 *s, size_t size, size_t n, size_t scopes) {
    size_t limit = 0;
    int concessions = 0;
    memset(w->reach[0], 0, (n / 64 + 1) * sizeof **w->reach);
    memset(w->reach[1], 0, (n / 64 + 1) * sizeof **w->reach);
    for (size_t i = 0; i < scopes; i++) {
        const Mark *scope = &w->scopes[i];
        size_t from = (size_t)scope->last + 1, to;
        if (scope->cue == 3) {
            if (scope->first > limit) limit = scope->first;
            continue;
        }
        if (scope->cue == 2) {
            if (!concessions++) clause_breaks(k, w, s, size, n);
            /* Where another one reaches, it does so to the end of the clause: long texts take linear time. */
            for (to = (size_t)w->breaks[from] + 1; from < to && !is_reached(w->reach[1], from); from++)
                w->reach[1][from / 64] |= 1ull << (from % 64);
        } else {
            for (to = from + NEGATION_REACH < n ? from + NEGATION_REACH : n; from < to; from++)
                w->reach[0][from / 64] |= 1ull << (from % 64);
        }
    }
    return limit;
}

/* Add a cue's rows of the lexicon and the context block. */
INLINE void add_cue(const Kernel *k, int lanes, int variant, int cue, const Company *c, double *sums, size_t counts[3]) {
    add_feature(sums, feature(k, lanes, k->lexicon_row[variant * k->cues + cue]), lanes);
    counts[0]++;
    for (u64 left = c->wholes; left; left &= left - 1, counts[1]++)
        add_feature(sums + lanes, feature(k, lanes, k->context_row[(lowest_bit(left) * 4 + variant) * k->cues + cue]), lanes);
}

/* Sums, one after the other, and counts of the lexicon, context and presence blocks. */
INLINE void lexicon(const Kernel *k, Worker *w, int lanes, const u8 *s, size_t size, size_t n, u64 groups, size_t marks,
                    size_t scopes, double *sums, size_t counts[3]) {
    const int32_t *fixed;
    const Company *c = company(k, w, lanes, groups, &fixed);
    for (size_t i = 0; i < marks; i++) add_cue(k, lanes, 0, w->marks[i].cue, c, sums, counts);
    if (scopes && marks) {
        size_t limit = find_reach(k, w, s, size, n, scopes);
        for (size_t i = 0; i < marks; i++) {
            const Mark mark = w->marks[i];
            if (is_reached(w->reach[0], mark.first)) add_cue(k, lanes, 1, mark.cue, c, sums, counts);
            if (is_reached(w->reach[1], mark.first)) add_cue(k, lanes, 2, mark.cue, c, sums, counts);
            if (mark.first < limit) add_cue(k, lanes, 3, mark.cue, c, sums, counts);
        }
    }
    add_feature(sums, fixed, lanes);
    add_feature(sums + 2 * lanes, fixed + lanes, lanes);
    counts[0] += (size_t)c->pairs;
    counts[2] += (size_t)c->presences;
}

/* ---- scoring --------------------------------------------------------------------------------------------------- */

/* One over the root of a count. */
INLINE double scale_of(const Kernel *k, size_t count) { return count < ROOTS ? k->roots[count] : 1.0 / sqrt((double)count); }

/* What a model's rows are like: written out where it is known beforehand, so that loops over it are unrolled. */
typedef struct {
    int width, lanes, twelves; /* twelves: whether to use the functions marked TWELVES */
} Shape;

/* What is known of a text's words together. */
typedef struct {
    size_t specials, grams; /* words that may begin a phrase, in w->special; n-grams */
    u64 groups;
} Found;

/* Take note of word i. */
INLINE void note_word(Worker *w, const Words *words, size_t i, const Known *it, Found *found) {
    w->unit_hash[i] = it->unit;
    w->special[found->specials] = (u32)i;
    found->specials += it->onward >> (words->hash[i + 1] & 31) & 1;
    found->grams += it->grams;
    found->groups |= group_bit(w, it);
}

/* Take note of all words; add their units' rows, and their n-grams'. */
INLINE Found take_words(Worker *w, int lanes, const Words *words, double *sums) {
    Found found = {0};
    for (size_t i = 0; i < words->count; i++) {
        note_word(w, words, i, known(w, lanes, words->row[i]), &found);
        add_row(sums, own_row(w, lanes, words->row[i]), lanes);
        add_row(sums + lanes, gram_row(w, lanes, words->row[i]), lanes);
    }
    return found;
}

/* Add the rows of 2-grams. */
INLINE void take_pairs(const Kernel *k, int lanes, const u64 *hash, size_t count, double *sum) {
    const Weights table = k->words;
    for (size_t i = 0; i < count; i++) add_row(sum, weights_get(&table, (size_t)lanes, hash[i]), lanes);
}

#if AVX2
/* The same for rows of twelve. */
static TWELVES Found take_words_twelves(Worker *w, const Words *words, double *sums) {
    const u8 *rows = w->rows;
    const u32 *number = words->row;
    Found found = {0};
    for (size_t i = 0, stop; i < words->count; i = stop) {
        __m256i one = _mm256_setzero_si256(), two = one, three = one;
        for (stop = words->count - i < EXACT ? words->count : i + EXACT; i < stop; i++) {
            const __m128i *row = (const __m128i *)(const void *)(rows + number[i] * (size_t)64);
            note_word(w, words, i, (const Known *)(const void *)(row + 3), &found);
            one = _mm256_add_epi32(one, _mm256_cvtepi16_epi32(_mm_load_si128(row)));
            two = _mm256_add_epi32(two, _mm256_cvtepi16_epi32(_mm_load_si128(row + 1)));
            three = _mm256_add_epi32(three, _mm256_cvtepi16_epi32(_mm_load_si128(row + 2)));
        }
        add_twelve(sums, one, _mm256_castsi256_si128(two));
        add_twelve(sums + 12, _mm256_permute2x128_si256(two, three, 0x21), _mm256_extracti128_si256(three, 1));
    }
    return found;
}

static TWELVES void take_pairs_twelves(const Kernel *k, const u64 *hash, size_t count, double *sums) {
    const Weights table = k->words;
    for (size_t i = 0, stop; i < count; i = stop) {
        __m256i eight = _mm256_setzero_si256();
        __m128i four = _mm_setzero_si128();
        for (stop = count - i < EXACT ? count : i + EXACT; i < stop; i++) {
            const u8 *row = weights_get(&table, 12, hash[i]);
            double last; /* four numbers, fetched without a detour by way of integers */
            memcpy(&last, row + 16, sizeof last);
            eight = _mm256_add_epi32(eight, _mm256_cvtepi16_epi32(_mm_loadu_si128((const __m128i *)(const void *)row)));
            four = _mm_add_epi32(four, _mm_cvtepi16_epi32(_mm_castpd_si128(_mm_set_sd(last))));
        }
        add_twelve(sums, eight, four);
    }
}
#endif

/* Room for so many more 2-grams. */
static int need_pairs(Worker *w, size_t count) {
    if (w->pair_used + count <= w->pair_size) return 0;
    if (grow(&w->pair, 2 * (w->pair_used + count), sizeof *w->pair)) return -1;
    w->pair_size = 2 * (w->pair_used + count);
    return 0;
}

/* The words' hashes; if `ahead`, their cells are on the way then. */
INLINE void hash_words(Worker *w, size_t count, int ahead) {
    const u8 *text = w->text;
    const u32 *start = w->start, *end = w->end;
    const Table slots = w->slots;
    u64 *hash = w->hash;
    for (size_t i = 0; i < count; i++) {
        u64 h = hash[i] = hash_word(text + start[i], end[i] - start[i]);
        if (ahead) PREFETCH(&slots.cells[h & slots.mask]);
    }
}

#define NEW 0xFFFFFFFFu

/* The words' rows, which are on the way then, NEW for words not met before; gives whether there are such. */
INLINE int find_words(Worker *w, int lanes, size_t count) {
    const Table slots = w->slots;
    const u64 *hash = w->hash;
    const uintptr_t rows = (uintptr_t)w->rows;
    u32 *row = w->row;
    int64_t some = 0;
    for (size_t i = 0; i < count; i++) {
        int64_t number = table_get(&slots, hash[i]);
        const uintptr_t at = rows + (uintptr_t)number * word_size(lanes); /* of a new word, it is nowhere */
        row[i] = (u32)number;
        some |= number;
        PREFETCH((const void *)at);
        if (word_size(lanes) > 64) PREFETCH((const void *)(at + word_size(lanes) - 1));
    }
    return some < 0;
}

/* The words of some texts, and their rows; -1 when memory is out. */
INLINE int cut(const Kernel *k, Worker *w, int lanes, const u8 *const *text, const size_t *size, const u8 *ascii, size_t texts) {
    size_t room = 0, at = 0, count = 0;
    for (size_t t = 0; t < texts; t++) room += text_room(size[t], ascii[t]);
    if (need_text(w, room) < 0) return -1;
    if (w->slots.size > CACHE_LIMIT && worker_clear(k, w) < 0) return -1;
    for (size_t t = 0; t < texts; t++) {
        size_t length = normalise(k, w->text + at, text[t], size[t], ascii[t]);
        int64_t next = split(w, at, length, count);
        if (next < 0) return -1;
        w->pending[t].first = count;
        w->pending[t].words = (size_t)next - count;
        count = (size_t)next;
        at = (at + length + 64) & ~(size_t)63; /* at multiples of 64: measured a twentieth quicker */
    }
    hash_words(w, count, 1);
    if (find_words(w, lanes, count))
        for (size_t i = 0; i < count; i++) {
            int64_t row = w->row[i];
            if (w->row[i] == NEW && (row = table_get(&w->slots, w->hash[i])) < 0 &&
                (row = learn(k, w, w->hash[i], w->text + w->start[i], w->end[i] - w->start[i])) < 0)
                return -1;
            w->row[i] = (u32)row;
        }
    if (count) w->hash[count] = 0; /* no word follows the last one */
    return 0;
}

/* The hashes of neighbours, whose rows are on the way then. */
INLINE void hash_pairs(const Kernel *k, int lanes, const u64 *hash, size_t count, u64 *pair) {
    const Weights table = k->words;
    for (size_t i = 0; i < count; i++) {
        u64 h = pair[i] = hash_pair(hash[i], hash[i + 1]);
        weights_ahead(&table, (size_t)lanes, h);
    }
}

/* All of a text but the rows of its 2-grams; -1 when memory is out. */
INLINE int begin(const Kernel *k, Worker *w, Shape shape, Pending *p, double *sums, const u8 *s, size_t size) {
    const Words words = {w->hash + p->first, w->row + p->first, w->start + p->first, w->end + p->first, p->words};
    const size_t n = p->words;
    size_t counts[3] = {0};
    Found found;
    zeros(sums, 5 * shape.lanes);
    memset(p->counts, 0, sizeof p->counts);
    p->pairs = p->grams = 0;
    p->units = n;
    if (!n) return 0;
#if AVX2
    if (shape.twelves) found = take_words_twelves(w, &words, sums);
    else
#endif
        found = take_words(w, shape.lanes, &words, sums);
    p->grams = found.grams;
    if (found.specials) {
        if (need_marks(w, &words, found.specials) < 0) return -1;
        find_phrases(k, w, &words, found.specials, sums + shape.lanes, counts);
        if (counts[0]) p->units = collapse(k, w, shape.lanes, &words, counts[0], sums, &found.groups);
    }
    if (counts[1] || found.groups)
        lexicon(k, w, shape.lanes, s, size, n, found.groups, counts[1], counts[2], sums + 2 * shape.lanes, p->counts);
    p->pairs = p->units - 1;
    if (need_pairs(w, p->pairs) < 0) return -1;
    if (p->pairs) hash_pairs(k, shape.lanes, w->unit_hash, p->pairs, w->pair + w->pair_used);
    w->pair_used += p->pairs;
    return 0;
}

/* A text's logits: the bias and each block's sum by the root of its count. */
INLINE void total(const Kernel *k, Shape shape, const Pending *p, const double *sums) {
    const size_t counts[5] = {p->units + p->pairs, p->grams, p->counts[0], p->counts[1], p->counts[2]};
    double scales[5];
    for (int b = 0; b < 5; b++) scales[b] = scale_of(k, counts[b]) * k->steps[b];
    for (int c = 0; c < shape.lanes; c += 4) {
#if defined(__GNUC__)
        Four sum, other;
        memcpy(&sum, k->bias + c, sizeof sum);
        for (int b = 0; b < 5; b++) {
            memcpy(&other, sums + b * shape.lanes + c, sizeof other);
            sum += other * scales[b];
        }
#else
        double sum[4];
        for (int i = 0; i < 4; i++) {
            sum[i] = k->bias[c + i];
            for (int b = 0; b < 5; b++) sum[i] += sums[b * shape.lanes + c + i] * scales[b];
        }
#endif
        memcpy(p->out + c, &sum, (size_t)(shape.width - c < 4 ? shape.width - c : 4) * sizeof *p->out);
    }
}

/* The 2-grams of the texts begun, and their calibrated logits. */
INLINE void finish(const Kernel *k, Worker *w, Shape shape, size_t texts) {
    const u64 *pair = w->pair;
    for (size_t t = 0; t < texts; t++) {
        const Pending *p = &w->pending[t];
        double *sums = w->sums + t * 5 * (size_t)shape.lanes;
#if AVX2
        if (shape.twelves) take_pairs_twelves(k, pair, p->pairs, sums);
        else
#endif
            take_pairs(k, shape.lanes, pair, p->pairs, sums);
        if (p->pairs) pair += p->pairs; /* there may be no room yet, and so no address */
        total(k, shape, p, sums);
    }
    w->pair_used = 0;
}

INLINE int score_texts(const Kernel *k, Worker *w, Shape shape, const u8 *const *text, const size_t *size, const u8 *ascii,
                       size_t count, double *out) {
    w->pair_used = 0;
    for (size_t from = 0, texts; from < count; from += texts) {
        size_t bytes = size[from];
        for (texts = 1; texts < TOGETHER && from + texts < count && bytes <= MUCH; texts++) bytes += size[from + texts];
        if (cut(k, w, shape.lanes, text + from, size + from, ascii + from, texts) < 0) return -1;
        for (size_t t = 0; t < texts; t++) {
            Pending *p = &w->pending[t];
            p->out = out + (from + t) * (size_t)shape.width;
            if (begin(k, w, shape, p, w->sums + t * 5 * (size_t)shape.lanes, text[from + t], size[from + t]) < 0) return -1;
        }
        finish(k, w, shape, texts);
    }
    return 0;
}

#if AVX2
static TWELVES int score_twelves(const Kernel *k, Worker *w, const u8 *const *text, const size_t *size, const u8 *ascii,
                                 size_t count, double *out) {
    return score_texts(k, w, (Shape){12, 12, 1}, text, size, ascii, count, out);
}
#endif

static WIDE int score_others(const Kernel *k, Worker *w, const u8 *const *text, const size_t *size, const u8 *ascii,
                             size_t count, double *out) {
    return score_texts(k, w, (Shape){k->width, k->lanes, 0}, text, size, ascii, count, out);
}

/* The texts' logits; -1 when memory is out. */
static int score_all(const Kernel *k, Worker *w, const u8 *const *text, const size_t *size, const u8 *ascii, size_t count,
                     double *out) {
#if AVX2
    if (k->twelves) return score_twelves(k, w, text, size, ascii, count, out);
#endif
    return score_others(k, w, text, size, ascii, count, out);
}

/* What no scorer can do without: words cut and hashed, 2-grams hashed. */
static WIDE int score_nothing(const Kernel *k, Worker *w, const u8 *s, size_t size, int ascii, u64 *mix) {
    int64_t found;
    if (need_text(w, text_room(size, ascii)) < 0) return -1;
    if ((found = split(w, 0, normalise(k, w->text, s, size, ascii), 0)) < 0) return -1;
    hash_words(w, (size_t)found, 0);
    for (int64_t i = 0; i < found; i++) *mix ^= w->hash[i];
    for (int64_t i = 0; i + 1 < found; i++) *mix ^= hash_pair(w->hash[i], w->hash[i + 1]);
    return 0;
}

static void link_row(const Kernel *k, const double *logits, double *out) {
    int c = 0;
    for (; c < k->topics; c++) out[c] = 1.0 / (1.0 + exp(-(logits[c] > -700.0 ? logits[c] : -700.0)));
    for (int t = 0; t < k->targets; t++, c += k->stances) {
        double highest = logits[c], whole = 0;
        for (int i = 1; i < k->stances; i++)
            if (logits[c + i] > highest) highest = logits[c + i];
        for (int i = 0; i < k->stances; i++) whole += out[c + i] = exp(logits[c + i] - highest);
        for (int i = 0; i < k->stances; i++) out[c + i] /= whole;
    }
}

/* The likeliest stance, other than neutral, that reaches its threshold; else neutral, or the likeliest of all. */
static int decide(const Kernel *k, const double *p, const double *thresholds) {
    int best = -1;
    for (int i = 0; i < k->stances; i++)
        if (i != k->neutral && p[i] >= thresholds[i] && (best < 0 || p[i] > p[best])) best = i;
    if (best >= 0) return best;
    if (k->neutral >= 0) return k->neutral;
    best = 0;
    for (int i = 1; i < k->stances; i++)
        if (p[i] > p[best]) best = i;
    return best;
}

/* ---- texts from Python ----------------------------------------------------------------------------------------- */

/* Texts as bytes, taken under the interpreter lock: the strings are kept alive by `owner`, their UTF-8 form by
 * themselves or, where lone surrogates have none, by `extra`. */
typedef struct {
    const u8 **text;
    size_t *size;
    u8 *ascii;
    Py_ssize_t count;
    PyObject *extra;
} Gather;

static void gather_free(Gather *g) {
    free((void *)g->text);
    free(g->size);
    free(g->ascii);
    Py_XDECREF(g->extra);
}

static int gather_init(Gather *g, Py_ssize_t count) {
    size_t n = count > 0 ? (size_t)count : 1;
    memset(g, 0, sizeof *g);
    g->count = count;
    g->text = malloc(n * sizeof *g->text);
    g->size = malloc(n * sizeof *g->size);
    g->ascii = malloc(n);
    if (g->text && g->size && g->ascii) return 0;
    PyErr_NoMemory();
    return -1;
}

/* Lower case, letters and spaces of 256 code points, as this Python knows them. */
static int make_page(Kernel *k, u32 number) {
    u32 *page = calloc(256, sizeof *page);
    if (!page) {
        PyErr_NoMemory();
        return -1;
    }
    for (u32 i = 0; i < 256; i++) {
        Py_UCS4 point = number << 8 | i, low = point;
        PyObject *one, *lower = NULL, *alnum = NULL, *space = NULL;
        int good;
        if (point >= 0xD800 && point < 0xE000) continue; /* lone surrogates are no letters */
        one = PyUnicode_FromOrdinal((int)point);
        good = one && (lower = PyObject_CallMethod(one, "lower", NULL)) != NULL;
        if (good && PyUnicode_GetLength(lower) == 1) low = PyUnicode_ReadChar(lower, 0);
        if (low == 0x3C2) low = 0x3C3; /* final sigma */
        if (good) {
            Py_DECREF(lower);
            lower = PyUnicode_FromOrdinal((int)low);
        }
        good = good && lower && (alnum = PyObject_CallMethod(lower, "isalnum", NULL)) != NULL &&
               (space = PyObject_CallMethod(one, "isspace", NULL)) != NULL;
        if (good) page[i] = low | (alnum == Py_True ? ALNUM : 0) | (space == Py_True ? SPACE : 0);
        Py_XDECREF(one);
        Py_XDECREF(lower);
        Py_XDECREF(alnum);
        Py_XDECREF(space);
        if (!good) {
            free(page);
            return -1;
        }
    }
    k->pages[number] = page;
    return 0;
}

/* Bytes of the UTF-8 character at s, surrogates allowed; 0 where it is none. */
static int character_size(const u8 *s, const u8 *stop) {
    int size = s[0] < 0xC2 ? 0 : s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : s[0] < 0xF5 ? 4 : 0;
    if (stop - s < size) return 0;
    for (int i = 1; i < size; i++)
        if ((s[i] & 0xC0) != 0x80) return 0;
    if ((s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xF0 && s[1] < 0x90) || (s[0] == 0xF4 && s[1] > 0x8F)) return 0;
    return size;
}

/* See to the pages of all characters of a text; 1 if it is ASCII, 0 if not, -1 on error. */
static int pages_for(Kernel *k, const u8 *s, size_t n) {
    const u8 *stop = s + n;
    int ascii = 1;
    for (s += ascii_run(s, n); s < stop; s += ascii_run(s, (size_t)(stop - s))) {
        u32 point;
        if (!character_size(s, stop)) {
            PyErr_SetString(PyExc_UnicodeError, "a text is not valid UTF-8");
            return -1;
        }
        point = decode(&s);
        ascii = 0;
        if (!k->pages[point >> 8] && make_page(k, point >> 8) < 0) return -1;
    }
    return ascii;
}

static int gather_bytes(Kernel *k, Gather *g, Py_ssize_t i, const char *text, Py_ssize_t size) {
    int ascii;
    if (size < 0 || size > 0x0FFFFFFF) {
        PyErr_Format(PyExc_ValueError, "expected a text of up to 256 MiB, got one of %zd bytes", size);
        return -1;
    }
    g->text[i] = (const u8 *)text;
    g->size[i] = (size_t)size;
    ascii = pages_for(k, g->text[i], g->size[i]);
    if (ascii < 0) return -1;
    g->ascii[i] = (u8)ascii;
    return 0;
}

static int gather_text(Kernel *k, Gather *g, Py_ssize_t i, PyObject *text, Py_ssize_t first) {
    Py_ssize_t size;
    const char *utf8;
    if (!PyUnicode_Check(text)) {
        PyObject *name = PyType_GetName(Py_TYPE(text));
        if (name) PyErr_Format(PyExc_TypeError, "expected str at index %zd, got %U", first + i, name);
        Py_XDECREF(name);
        return -1;
    }
    utf8 = PyUnicode_AsUTF8AndSize(text, &size);
    if (!utf8) {
        PyObject *bytes;
        if (!PyErr_ExceptionMatches(PyExc_UnicodeEncodeError)) return -1;
        PyErr_Clear();
        bytes = PyUnicode_AsEncodedString(text, "utf-8", "surrogatepass");
        if (!g->extra) g->extra = PyList_New(0);
        if (!bytes || !g->extra || PyList_Append(g->extra, bytes) < 0) {
            Py_XDECREF(bytes);
            return -1;
        }
        Py_DECREF(bytes); /* the list has it */
        utf8 = PyBytes_AsString(bytes);
        size = PyBytes_Size(bytes);
    }
    return gather_bytes(k, g, i, utf8, size);
}

static Worker *worker_take(Kernel *k) {
    Worker *w = k->idle;
    if (w) {
        k->idle = w->next;
    } else if (!(w = worker_new(k))) {
        PyErr_NoMemory();
    }
    return w;
}

static void worker_give(Kernel *k, Worker *w) {
    if (!w) return;
    if (w->text_size > 1 << 23 || w->row_count > 4 * CACHE_LIMIT) { /* grown with one very long text: not worth keeping */
        worker_free(w);
        return;
    }
    w->next = k->idle;
    k->idle = w;
}

/* Score what was gathered, without the interpreter lock. */
static int run(Kernel *k, const Gather *g, double *out) {
    Worker *w = worker_take(k);
    int failed = 0;
    if (!w) return -1;
    Py_BEGIN_ALLOW_THREADS
    failed = score_all(k, w, g->text, g->size, g->ascii, (size_t)g->count, out) < 0;
    Py_END_ALLOW_THREADS
    if (failed) {
        worker_free(w);
        PyErr_NoMemory();
        return -1;
    }
    worker_give(k, w);
    return 0;
}

/* Whether str.strip() would leave nothing. */
static int is_blank(const Kernel *k, const u8 *s, size_t n) {
    const u8 *stop = s + n;
    while (s < stop) {
        u32 point = *s < 0x80 ? *s++ : decode(&s);
        if (point < 0x80 ? !(point == ' ' || (point >= 9 && point <= 13) || (point >= 28 && point <= 31))
                         : !(character(k, point) & SPACE))
            return 0;
    }
    return 1;
}

/* ---- predictions ----------------------------------------------------------------------------------------------- */

static PyObject *probability_dict(PyObject *names, const double *p, int count) {
    PyObject *dict = PyDict_New();
    for (int i = 0; dict && i < count; i++) {
        PyObject *value = PyFloat_FromDouble(p[i]);
        if (!value || PyDict_SetItem(dict, PyTuple_GetItem(names, i), value) < 0) Py_CLEAR(dict);
        Py_XDECREF(value);
    }
    return dict;
}

static PyObject *topics_tuple(const Kernel *k, const double *p, const double *bars) {
    int given[256], count = 0;
    PyObject *found;
    for (int c = 0; c < k->topics; c++)
        if (p[c] >= k->thresholds[c] && (!bars || p[c] >= bars[c])) given[count++] = c;
    found = PyTuple_New(count);
    for (int i = 0; found && i < count; i++) PyTuple_SetItem(found, i, Py_NewRef(PyTuple_GetItem(k->names[0], given[i])));
    return found;
}

/* One Prediction: text, topics, stance, stances, topic_probabilities, stance_probabilities. */
static PyObject *prediction(const Kernel *k, PyObject *text, const double *p, int target, const double *bars) {
    PyObject *values[6] = {Py_NewRef(text), topics_tuple(k, p, bars), Py_NewRef(Py_None), PyDict_New(), NULL, PyDict_New()};
    PyObject *made = NULL;
    int good = values[1] && values[3] && values[5];
    for (int t = 0; good && t < k->targets; t++) {
        int at = k->topics + t * k->stances, chosen = decide(k, p + at, k->thresholds + at);
        PyObject *name = PyTuple_GetItem(k->names[1], t), *inner = probability_dict(k->names[2], p + at, k->stances);
        PyObject *stance = bars && !(p[at + chosen] >= bars[at + chosen]) ? Py_None : PyTuple_GetItem(k->names[2], chosen);
        good = inner && PyDict_SetItem(values[5], name, inner) == 0 && PyDict_SetItem(values[3], name, stance) == 0;
        if (t == target) { /* None until now */
            Py_DECREF(values[2]);
            values[2] = Py_NewRef(stance);
        }
        Py_XDECREF(inner);
    }
    if (good) good = (values[4] = probability_dict(k->names[0], p, k->topics)) != NULL;
    if (good) made = PyType_GenericAlloc((PyTypeObject *)k->type, 0);
    for (int i = 0; i < 6; i++) {
        if (made && k->set_slot[i](k->slots[i], made, values[i]) < 0) Py_CLEAR(made);
        Py_XDECREF(values[i]);
    }
    return made;
}

/* ---- the type -------------------------------------------------------------------------------------------------- */

/* `count` numbers of `size` bytes from a buffer, copied; their address into the pointer at `where`. */
static int read_numbers(PyObject *dict, const char *key, void *where, size_t size, size_t count) {
    PyObject *given = PyDict_GetItemString(dict, key);
    Py_buffer view;
    void *copy = NULL;
    int good;
    if (!given || PyObject_GetBuffer(given, &view, PyBUF_C_CONTIGUOUS) < 0) return -1;
    good = (size_t)view.len == count * size;
    if (good && !(copy = calloc(count + 4, size))) { /* zeros up to a whole number of lanes */
        PyErr_NoMemory();
        good = 0;
    }
    if (good) memcpy(copy, view.buf, (size_t)view.len);
    PyBuffer_Release(&view);
    memcpy(where, &copy, sizeof copy);
    return good ? 0 : -1;
}

static int read_doubles(PyObject *dict, const char *key, double **out, size_t count) {
    return read_numbers(dict, key, out, sizeof **out, count);
}

/* Numbers of k->rows, -1 for that of zeros; what is below, down to `lowest`, stays. */
static int read_ints(const Kernel *k, PyObject *dict, const char *key, int32_t **out, size_t count, int32_t lowest) {
    int good = read_numbers(dict, key, out, sizeof **out, count) == 0;
    for (size_t i = 0; good && i < count; i++) {
        int32_t row = (*out)[i];
        good = row >= lowest && (row < 0 || (size_t)row < k->row_count);
        if (row == -1) (*out)[i] = (int32_t)k->row_count;
    }
    return good ? 0 : -1;
}

static int read_int(PyObject *dict, const char *key, long lowest, long highest, int *out) {
    PyObject *given = PyDict_GetItemString(dict, key);
    long value = given ? PyLong_AsLong(given) : -1;
    if (!given || PyErr_Occurred() || value < lowest || value > highest) return -1;
    *out = (int)value;
    return 0;
}

/* Whether all of it is UTF-8, as Python reads it. */
static int is_utf8(const u8 *s, size_t size) {
    const u8 *stop = s + size;
    for (s += ascii_run(s, size); s < stop; s += ascii_run(s, (size_t)(stop - s))) {
        int step = character_size(s, stop);
        if (!step || (s[0] == 0xED && s[1] > 0x9F)) return 0; /* lone surrogates have no UTF-8 */
        s += step;
    }
    return 1;
}

/* A bit for each of 64 bytes that is one of two. */
INLINE u64 either(const u8 *p, u8 one, u8 other) {
    u64 bits = 0;
#if defined(__SSE2__)
    for (int i = 0; i < 4; i++) {
        __m128i some = _mm_loadu_si128((const __m128i *)(p + 16 * i));
        __m128i found = _mm_or_si128(_mm_cmpeq_epi8(some, _mm_set1_epi8((char)one)), _mm_cmpeq_epi8(some, _mm_set1_epi8((char)other)));
        bits |= (u64)(u16)_mm_movemask_epi8(found) << (16 * i);
    }
#else
    for (int i = 0; i < 64; i++) bits |= (u64)(p[i] == one || p[i] == other) << i;
#endif
    return bits;
}

enum { SOME = 32, KEY_ROOM = 16 }; /* hashes added together; bytes that hashing reads beyond a key's end */

static const char MISFIT[] = "the parts of the kernel's model do not fit together", NO_MEMORY[] = "no memory for the keys";

/* The lines' hashes, some at a time so that their slots are on the way while others are hashed. */
typedef struct {
    Weights *table;
    const u8 *rows; /* of the keys, in their order */
    size_t width;
    u64 some[SOME], left; /* left: the hash of the unit before a space, or 0 */
    size_t lines;
    int count, twice;
} Keys;

static void keys_flush(Keys *keys) {
    const size_t first = keys->lines - (size_t)keys->count;
    for (int i = 0; i < keys->count && keys->lines <= keys->table->limit; i++) { /* else there are more keys than rows */
        const u8 *row = keys->rows + 2 * keys->width * (first + (size_t)i);
        keys->twice |= weights_add(keys->table, keys->some[i], row, keys->width) < 0;
    }
    keys->count = 0;
}

/* A unit ends: `last` of its line, or at a space, so that a 2-gram's second one follows. */
INLINE void keys_add(Keys *keys, u64 h, int last) {
    u64 pair = hash_pair(keys->left, h);
    h = keys->left ? pair : h; /* without a branch, like the rest */
    keys->left = h & ((u64)last - 1);
    keys->some[keys->count] = h;
    weights_ahead(keys->table, keys->table->lanes, h);
    keys->count += last;
    keys->lines += (size_t)last;
    if (keys->count == SOME) keys_flush(keys);
}

/* Add all lines' hashes to the table, of 2-grams those of their pairs, with their rows; an exception's text where that
 * cannot be. */
static const char *add_keys(Weights *table, const u8 *p, size_t size, const u8 *rows, size_t width, int pairs) {
    Keys keys = {.table = table, .rows = rows, .width = width};
    const u8 space = pairs ? ' ' : '\n';
    size_t from = 0, safe = size > 64 + KEY_ROOM ? (size - KEY_ROOM) / 64 * 64 : 0;
    u8 *rest;
    if (!size) return table->limit ? MISFIT : NULL;
    for (size_t at = 0; at < safe; at += 64)
        for (u64 ends = either(p + at, '\n', space); ends; ends &= ends - 1) {
            size_t end = at + (size_t)lowest_bit(ends);
            keys_add(&keys, hash_word(p + from, end - from), p[end] == '\n');
            from = end + 1;
        }
    /* What lies behind the end is not ours to read. */
    if (!(rest = calloc(size - from + KEY_ROOM, 1))) return NO_MEMORY;
    memcpy(rest, p + from, size - from);
    for (size_t start = 0, end = 0; end <= size - from; end++) {
        int last = end == size - from || rest[end] == '\n';
        if (!last && rest[end] != space) continue;
        keys_add(&keys, hash_word(rest + start, end - start), last);
        start = end + 1;
    }
    free(rest);
    keys_flush(&keys);
    if (keys.lines != table->limit) return MISFIT;
    return keys.twice ? "a key occurs twice" : NULL;
}

/* Take `count` buffers, the first `writable` of them to write to; -1 with an exception set. */
static int take_buffers(PyObject *const *given, Py_buffer *view, int count, int writable) {
    for (int got = 0; got < count; got++)
        if (PyObject_GetBuffer(given[got], &view[got], PyBUF_C_CONTIGUOUS | (got < writable ? PyBUF_WRITABLE : 0)) < 0) {
            while (got > 0) PyBuffer_Release(&view[--got]);
            return -1;
        }
    return 0;
}

#define KEYS "stance._kernel.keys"

static void keys_free(PyObject *capsule) {
    Weights *table = PyCapsule_GetPointer(capsule, KEYS);
    if (table) weights_free(table);
    free(table);
}

/* A table of rows of `width` weights, little-endian numbers of 16 bits, by the keys in a buffer, one a line, some of them
 * 2-grams; a kernel can be made with it once. */
static PyObject *module_keys(PyObject *module, PyObject *args) {
    PyObject *given[2], *capsule;
    Py_ssize_t width;
    int pairs;
    Py_buffer view[2];
    Weights *table;
    const char *fault = NULL;
    (void)module;
    if (!PyArg_ParseTuple(args, "OOnp", &given[0], &given[1], &width, &pairs)) return NULL;
    if (!(table = calloc(1, sizeof *table))) return PyErr_NoMemory();
    capsule = PyCapsule_New(table, KEYS, keys_free);
    if (!capsule) free(table);
    if (!capsule || take_buffers(given, view, 2, 0) < 0) {
        Py_XDECREF(capsule);
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    if (!is_utf8(view[0].buf, (size_t)view[0].len)) fault = "a key is not valid UTF-8";
    else if (width < 1 || width > 256 || view[1].len % (2 * width)) fault = MISFIT;
    else if (weights_init(table, (size_t)(view[1].len / (2 * width)), ((size_t)width + 3) / 4 * 4) < 0) fault = NO_MEMORY;
    else fault = add_keys(table, view[0].buf, (size_t)view[0].len, view[1].buf, (size_t)width, pairs);
    Py_END_ALLOW_THREADS
    PyBuffer_Release(&view[0]);
    PyBuffer_Release(&view[1]);
    if (!fault) return capsule;
    PyErr_SetString(fault == NO_MEMORY ? PyExc_MemoryError : PyExc_ValueError, fault);
    Py_DECREF(capsule);
    return NULL;
}

/* Take a table of rows. */
static int take_keys(Kernel *k, PyObject *dict, const char *name, Weights *table) {
    PyObject *given = PyDict_GetItemString(dict, name);
    Weights *found = given ? PyCapsule_GetPointer(given, KEYS) : NULL;
    if (!found || !found->slots || found->lanes != (size_t)k->lanes) return -1;
    *table = *found;
    memset(found, 0, sizeof *found);
    return 0;
}

static int starts_init(Starts *s, size_t limit) {
    s->first = malloc((limit + 1) * sizeof *s->first);
    s->last = malloc((limit + 1) * sizeof *s->last);
    return table_init(&s->table, limit) < 0 || !s->first || !s->last ? -1 : 0;
}

static void starts_free(Starts *s) {
    table_free(&s->table);
    free(s->first);
    free(s->last);
}

static void starts_add(Starts *s, Phrase *phrases, int number) {
    u64 h = phrases[number].parts[0].hash;
    int64_t at = table_get(&s->table, h);
    phrases[number].next = -1;
    if (at < 0) {
        at = table_add(&s->table, h);
        s->first[at] = number;
    } else {
        phrases[s->last[at]].next = number;
    }
    s->last[at] = number;
}

/* Phrases: a list of (kind, id, parts), kind -1 an alias, 0 a cue, 1 to 3 a scope; parts are joined by spaces. */
static int read_phrases(Kernel *k, PyObject *list) {
    Py_ssize_t count = list ? PyList_Size(list) : -1;
    size_t bytes = 0, parts = 0, text_at = 0, part_at = 0;
    if (count < 0) return -1;
    for (Py_ssize_t i = 0; i < count; i++) {
        char *text;
        Py_ssize_t size;
        PyObject *row = PyList_GetItem(list, i);
        if (!PyTuple_Check(row) || PyTuple_Size(row) != 3) return -1;
        if (PyBytes_AsStringAndSize(PyTuple_GetItem(row, 2), &text, &size) < 0) return -1;
        bytes += (size_t)size + PAD;
        parts++;
        for (Py_ssize_t j = 0; j < size; j++) parts += text[j] == ' ';
    }
    k->phrase_text = calloc(bytes + PAD, 1);
    k->parts = calloc(parts + 1, sizeof *k->parts);
    k->phrases = calloc((size_t)count + 1, sizeof *k->phrases);
    if (!k->phrase_text || !k->parts || !k->phrases || starts_init(&k->aliases, (size_t)count) < 0 ||
        starts_init(&k->exact, (size_t)count) < 0 || starts_init(&k->prefix, (size_t)count) < 0) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *row = PyList_GetItem(list, i);
        long kind = PyLong_AsLong(PyTuple_GetItem(row, 0)), id = PyLong_AsLong(PyTuple_GetItem(row, 1));
        Phrase *phrase = &k->phrases[i];
        char *text;
        Py_ssize_t size;
        size_t from = 0;
        if (PyErr_Occurred() || PyBytes_AsStringAndSize(PyTuple_GetItem(row, 2), &text, &size) < 0) return -1;
        if (kind < -1 || kind > 3 || (kind <= 0 && (id < 0 || id >= (kind < 0 ? k->groups : k->cues)))) return -1;
        memcpy(k->phrase_text + text_at, text, (size_t)size);
        phrase->scope = kind > 0 ? (int)kind : 0;
        phrase->id = (int)id;
        phrase->parts = k->parts + part_at;
        for (size_t j = 0; j <= (size_t)size; j++) {
            Part *part;
            if (j < (size_t)size && text[j] != ' ') continue;
            part = &k->parts[part_at++];
            part->star = j > from && text[j - 1] == '*';
            part->size = (u32)(j - from) - (u32)part->star;
            part->text = k->phrase_text + text_at + from;
            part->hash = hash_bytes(part->text, part->size);
            phrase->count++;
            from = j + 1;
        }
        text_at += (size_t)size + PAD;
        starts_add(kind < 0 ? &k->aliases : phrase->parts[0].star ? &k->prefix : &k->exact, k->phrases, (int)i);
    }
    return 0;
}

static void Kernel_dealloc(Kernel *k) {
    PyTypeObject *type = Py_TYPE((PyObject *)k);
    while (k->idle) {
        Worker *next = k->idle->next;
        worker_free(k->idle);
        k->idle = next;
    }
    free(k->rows);
    free(k->steps);
    free(k->bias);
    free(k->thresholds);
    free(k->blank);
    weights_free(&k->words);
    weights_free(&k->grams);
    free(k->phrase_text);
    free(k->parts);
    free(k->phrases);
    starts_free(&k->aliases);
    starts_free(&k->exact);
    starts_free(&k->prefix);
    free(k->group_hash);
    free(k->context_mask);
    free(k->lexicon_row);
    free(k->context_row);
    free(k->pair_row);
    free(k->presence_row);
    for (int i = 0; i < 0x1100; i++) free(k->pages[i]);
    Py_XDECREF(k->type);
    for (int i = 0; i < 6; i++) Py_XDECREF(k->slots[i]);
    for (int i = 0; i < 3; i++) Py_XDECREF(k->names[i]);
    PyObject_Free(k);
    Py_DECREF(type);
}

static int read_names(Kernel *k, PyObject *spec) {
    static const char *const names[3] = {"topic_names", "target_names", "stance_names"};
    static const char *const slots[6] = {"text",    "topics",              "stance",
                                         "stances", "topic_probabilities", "stance_probabilities"};
    const int sizes[3] = {k->topics, k->targets, k->stances};
    for (int i = 0; i < 3; i++) {
        k->names[i] = PyDict_GetItemString(spec, names[i]);
        if (!k->names[i] || !PyTuple_Check(k->names[i]) || PyTuple_Size(k->names[i]) != sizes[i]) {
            k->names[i] = NULL;
            return -1;
        }
        Py_INCREF(k->names[i]);
    }
    k->type = PyDict_GetItemString(spec, "prediction");
    if (!k->type) return -1;
    Py_INCREF(k->type);
    for (int i = 0; i < 6; i++) {
        k->slots[i] = PyObject_GetAttrString(k->type, slots[i]);
        if (!k->slots[i]) return -1;
        k->set_slot[i] = (descrsetfunc)PyType_GetSlot(Py_TYPE(k->slots[i]), Py_tp_descr_set);
        if (!k->set_slot[i]) return -1;
    }
    return 0;
}

/* The small blocks' rows, one after the other, as the file has them. */
static int read_rows(Kernel *k, PyObject *spec) {
    PyObject *given = PyDict_GetItemString(spec, "rows");
    Py_buffer view;
    size_t width = 2 * (size_t)k->width;
    if (!given || PyObject_GetBuffer(given, &view, PyBUF_C_CONTIGUOUS) < 0) return -1;
    if ((size_t)view.len % width == 0 && (size_t)view.len / width < INT32_MAX) {
        k->row_count = (size_t)view.len / width;
        k->rows = calloc((k->row_count + 1) * (size_t)k->lanes, sizeof *k->rows);
        if (!k->rows) PyErr_NoMemory();
        for (size_t i = 0; k->rows && i < k->row_count; i++) {
            int16_t row[256];
            copy_row((u8 *)row, (const u8 *)view.buf + i * width, (size_t)k->width);
            for (size_t c = 0; c < (size_t)k->width; c++) k->rows[i * (size_t)k->lanes + c] = row[c];
        }
    }
    PyBuffer_Release(&view);
#if AVX2
    k->twelves = k->width == 12 && __builtin_cpu_supports("avx2");
#endif
    return k->rows ? 0 : -1;
}

static int read_groups(Kernel *k, PyObject *tokens, PyObject *masks) {
    size_t groups = (size_t)k->groups, contexts = (size_t)k->contexts;
    if (!tokens || !masks || PyList_Size(tokens) != k->groups || PyList_Size(masks) != k->contexts) return -1;
    k->group_hash = malloc((groups + 1) * sizeof *k->group_hash);
    k->context_mask = malloc((contexts + 1) * sizeof *k->context_mask);
    if (!k->group_hash || !k->context_mask) {
        PyErr_NoMemory();
        return -1;
    }
    for (int g = 0; g < k->groups; g++) {
        char *text;
        Py_ssize_t size;
        u8 *copy;
        if (PyBytes_AsStringAndSize(PyList_GetItem(tokens, g), &text, &size) < 0) return -1;
        copy = calloc((size_t)size + PAD, 1);
        if (!copy) {
            PyErr_NoMemory();
            return -1;
        }
        memcpy(copy, text, (size_t)size);
        k->group_hash[g] = hash_bytes(copy, (size_t)size);
        free(copy);
    }
    for (int c = 0; c < k->contexts; c++) {
        k->context_mask[c] = PyLong_AsUnsignedLongLong(PyList_GetItem(masks, c));
        if (PyErr_Occurred()) return -1;
    }
    return 0;
}

static PyObject *Kernel_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    PyObject *spec;
    Kernel *k;
    size_t cues, groups, contexts;
    (void)kwargs;
    if (!PyArg_ParseTuple(args, "O!", &PyDict_Type, &spec)) return NULL;
    k = (Kernel *)PyType_GenericAlloc(type, 0);
    if (!k) return NULL;
    if (read_int(spec, "topics", 0, 256, &k->topics) < 0 || read_int(spec, "targets", 0, 256, &k->targets) < 0 ||
        read_int(spec, "stances", 1, 256, &k->stances) < 0 ||
        read_int(spec, "neutral", -1, k->stances - 1, &k->neutral) < 0 ||
        read_int(spec, "char_min", 1, INT32_MAX, &k->char_min) < 0 || read_int(spec, "char_max", 0, 9, &k->char_max) < 0 ||
        read_int(spec, "cues", 0, INT32_MAX / 4, &k->cues) < 0 || read_int(spec, "groups", 0, 64, &k->groups) < 0 ||
        read_int(spec, "contexts", 0, 64, &k->contexts) < 0 ||
        (k->width = k->topics + k->targets * k->stances) < 1 || k->width > 256) {
        if (!PyErr_Occurred()) PyErr_SetString(PyExc_ValueError, "a model of this shape is beyond the kernel");
        Py_DECREF(k);
        return NULL;
    }
    k->lanes = (k->width + 3) / 4 * 4;
    for (u32 i = 0; i < 128; i++)
        k->kinds[i] = (i | 0x20) - 'a' < 26 || i - '0' < 10 ? 1 : i == ',' || i == ';' || i == ':' ? 2 : i == '-' ? 4 : 0;
    for (int i = 1; i < ROOTS; i++) k->roots[i] = 1.0 / sqrt((double)i);
    cues = (size_t)k->cues, groups = (size_t)k->groups, contexts = (size_t)k->contexts;
    if (read_rows(k, spec) < 0 || take_keys(k, spec, "words", &k->words) < 0 ||
        take_keys(k, spec, "grams", &k->grams) < 0 ||
        read_doubles(spec, "steps", &k->steps, 5) < 0 || read_doubles(spec, "bias", &k->bias, (size_t)k->width) < 0 ||
        read_doubles(spec, "thresholds", &k->thresholds, (size_t)k->width) < 0 ||
        read_doubles(spec, "blank", &k->blank, (size_t)k->width) < 0 ||
        read_phrases(k, PyDict_GetItemString(spec, "phrases")) < 0 ||
        read_groups(k, PyDict_GetItemString(spec, "group_tokens"), PyDict_GetItemString(spec, "context_masks")) < 0 ||
        read_ints(k, spec, "lexicon_rows", &k->lexicon_row, 4 * cues, -1) < 0 ||
        read_ints(k, spec, "context_rows", &k->context_row, contexts * 4 * cues, -1) < 0 ||
        read_ints(k, spec, "pair_rows", &k->pair_row, groups * groups, -1) < 0 ||
        read_ints(k, spec, "presence_rows", &k->presence_row, groups + contexts, -2) < 0 || read_names(k, spec) < 0) {
        if (!PyErr_Occurred()) PyErr_SetString(PyExc_ValueError, MISFIT);
        Py_DECREF(k);
        return NULL;
    }
    return (PyObject *)k;
}

/* A view of (rows, width) doubles to write to. */
static int writable(Kernel *k, PyObject *out, Py_ssize_t rows, Py_buffer *view) {
    if (PyObject_GetBuffer(out, view, PyBUF_WRITABLE | PyBUF_C_CONTIGUOUS) < 0) return -1;
    if (view->len == rows * k->width * (Py_ssize_t)sizeof(double)) return 0;
    PyBuffer_Release(view);
    PyErr_SetString(PyExc_ValueError, "the output does not fit the texts");
    return -1;
}

static int gather_list(Kernel *k, Gather *g, PyObject *texts, Py_ssize_t start, Py_ssize_t stop, Py_ssize_t first) {
    if (gather_init(g, stop - start) < 0) return -1;
    for (Py_ssize_t i = 0; i < g->count; i++)
        if (gather_text(k, g, i, PyTuple_GetItem(texts, start + i), first + start) < 0) return -1;
    return 0;
}

static PyObject *Kernel_score(Kernel *k, PyObject *args) {
    PyObject *texts, *out;
    Py_ssize_t start, stop, first;
    Py_buffer view;
    int failed = 0;
    if (!PyArg_ParseTuple(args, "O!nnnO", &PyTuple_Type, &texts, &start, &stop, &first, &out)) return NULL;
    if (start < 0 || stop < start || stop > PyTuple_Size(texts)) {
        PyErr_SetString(PyExc_IndexError, "start and stop must lie within the texts");
        return NULL;
    }
    if (writable(k, out, stop - start, &view) < 0) return NULL;
    for (Py_ssize_t at = start; at < stop && !failed; at += CHUNK) {
        Gather g = {0};
        failed = PyErr_CheckSignals() < 0 ||
                 gather_list(k, &g, texts, at, at + CHUNK < stop ? at + CHUNK : stop, first) < 0 ||
                 run(k, &g, (double *)view.buf + (at - start) * k->width) < 0;
        gather_free(&g);
    }
    PyBuffer_Release(&view);
    if (failed) return NULL;
    return Py_NewRef(Py_None);
}

static PyObject *Kernel_link(Kernel *k, PyObject *args) {
    PyObject *logits, *out;
    Py_buffer from, to;
    Py_ssize_t rows;
    if (!PyArg_ParseTuple(args, "OO", &logits, &out)) return NULL;
    if (PyObject_GetBuffer(logits, &from, PyBUF_C_CONTIGUOUS) < 0) return NULL;
    rows = from.len / (k->width * (Py_ssize_t)sizeof(double));
    if (writable(k, out, rows, &to) < 0) {
        PyBuffer_Release(&from);
        return NULL;
    }
    for (Py_ssize_t i = 0; i < rows; i++)
        link_row(k, (const double *)from.buf + i * k->width, (double *)to.buf + i * k->width);
    PyBuffer_Release(&from);
    PyBuffer_Release(&to);
    return Py_NewRef(Py_None);
}

/* Score the texts from `at` to `stop` and append their predictions to the list. */
static int predict_block(Kernel *k, PyObject *texts, Py_ssize_t at, Py_ssize_t stop, Py_ssize_t first, int target,
                         const double *bars, PyObject *list) {
    double *scores = malloc((size_t)(stop - at + 1) * (size_t)k->width * sizeof *scores), p[256];
    u8 *blank = malloc((size_t)(stop - at + 1));
    int failed = !scores || !blank, collecting;
    if (failed) PyErr_NoMemory();
    for (Py_ssize_t i = at; i < stop && !failed; i += CHUNK) {
        Gather g = {0};
        failed = PyErr_CheckSignals() < 0 ||
                 gather_list(k, &g, texts, i, i + CHUNK < stop ? i + CHUNK : stop, first) < 0 ||
                 run(k, &g, scores + (i - at) * k->width) < 0;
        for (Py_ssize_t j = 0; j < g.count && !failed; j++) blank[i - at + j] = (u8)is_blank(k, g.text[j], g.size[j]);
        gather_free(&g);
    }
    /* Predictions hold no cycles: searching a growing heap of them for some takes longer than to make them. The
     * interpreter lock is held from here to where the collector is as it was. */
    collecting = PyGC_Disable();
    for (Py_ssize_t i = 0; i < stop - at && !failed; i++) {
        PyObject *made;
        if (!blank[i]) link_row(k, scores + i * k->width, p);
        made = prediction(k, PyTuple_GetItem(texts, at + i), blank[i] ? k->blank : p, target, bars);
        failed = !made || PyList_Append(list, made) < 0;
        Py_XDECREF(made);
    }
    if (collecting) PyGC_Enable();
    free(scores);
    free(blank);
    return failed ? -1 : 0;
}

static PyObject *Kernel_predict(Kernel *k, PyObject *args) {
    PyObject *texts, *bars, *list;
    Py_ssize_t first, n;
    int target;
    Py_buffer view = {0};
    if (!PyArg_ParseTuple(args, "O!niO", &PyTuple_Type, &texts, &first, &target, &bars)) return NULL;
    if (bars != Py_None) {
        if (PyObject_GetBuffer(bars, &view, PyBUF_C_CONTIGUOUS) < 0) return NULL;
        if (view.len != k->width * (Py_ssize_t)sizeof(double)) {
            PyErr_SetString(PyExc_ValueError, "expected one bar a column");
            PyBuffer_Release(&view);
            return NULL;
        }
    }
    n = PyTuple_Size(texts);
    list = PyList_New(0);
    for (Py_ssize_t at = 0; list && at < n; at += BLOCK)
        if (predict_block(k, texts, at, at + BLOCK < n ? at + BLOCK : n, first, target, view.buf, list) < 0)
            Py_CLEAR(list);
    if (bars != Py_None) PyBuffer_Release(&view);
    return list;
}

static PyObject *Kernel_floor(Kernel *k, PyObject *args) {
    PyObject *texts;
    Gather g = {0};
    Worker *w = NULL;
    u64 mix = 0;
    int failed;
    if (!PyArg_ParseTuple(args, "O!", &PyTuple_Type, &texts)) return NULL;
    failed = gather_list(k, &g, texts, 0, PyTuple_Size(texts), 0) < 0 || (w = worker_take(k)) == NULL;
    for (Py_ssize_t i = 0; i < g.count && !failed; i++)
        if (score_nothing(k, w, g.text[i], g.size[i], g.ascii[i], &mix) < 0) {
            PyErr_NoMemory();
            failed = 1;
        }
    worker_give(k, w);
    gather_free(&g);
    return failed ? NULL : PyLong_FromUnsignedLongLong(mix);
}

/* ---- Arrow: https://arrow.apache.org/docs/format/CDataInterface.html -------------------------------------------- */

struct ArrowSchema {
    const char *format, *name, *metadata;
    int64_t flags, n_children;
    struct ArrowSchema **children, *dictionary;
    void (*release)(struct ArrowSchema *);
    void *private_data;
};

struct ArrowArray {
    int64_t length, null_count, offset, n_buffers, n_children;
    const void **buffers;
    struct ArrowArray **children, *dictionary;
    void (*release)(struct ArrowArray *);
    void *private_data;
};

struct ArrowArrayStream {
    int (*get_schema)(struct ArrowArrayStream *, struct ArrowSchema *);
    int (*get_next)(struct ArrowArrayStream *, struct ArrowArray *);
    const char *(*get_last_error)(struct ArrowArrayStream *);
    void (*release)(struct ArrowArrayStream *);
    void *private_data;
};

/* Text i of a string (u), large string (U) or string view (vu) array. */
static void arrow_text(const struct ArrowArray *a, char kind, int64_t i, const char **text, Py_ssize_t *size) {
    i += a->offset;
    if (kind == 'u') {
        const int32_t *offsets = a->buffers[1];
        *text = (const char *)a->buffers[2] + offsets[i];
        *size = offsets[i + 1] - offsets[i];
    } else if (kind == 'U') {
        const int64_t *offsets = a->buffers[1];
        *text = (const char *)a->buffers[2] + offsets[i];
        *size = (Py_ssize_t)(offsets[i + 1] - offsets[i]);
    } else {
        const u8 *view = (const u8 *)a->buffers[1] + 16 * i;
        int32_t length, buffer, offset;
        memcpy(&length, view, 4);
        memcpy(&buffer, view + 8, 4);
        memcpy(&offset, view + 12, 4);
        *text = length <= 12 ? (const char *)view + 4 : (const char *)a->buffers[2 + buffer] + offset;
        *size = length;
    }
}

/* Logits of one Arrow array as bytes. */
static PyObject *arrow_score(Kernel *k, const struct ArrowArray *a, char kind, Py_ssize_t first) {
    PyObject *out = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)a->length * k->width * (Py_ssize_t)sizeof(double));
    const u8 *valid = a->null_count ? a->buffers[0] : NULL;
    Gather g = {0};
    int failed = !out || gather_init(&g, (Py_ssize_t)a->length) < 0;
    for (int64_t i = 0; i < a->length && !failed; i++) {
        const char *text;
        Py_ssize_t size;
        int64_t bit = i + a->offset;
        if (valid && !(valid[bit / 8] >> (bit % 8) & 1)) {
            PyErr_Format(PyExc_TypeError, "expected str at index %zd, got null", first + (Py_ssize_t)i);
            failed = 1;
            break;
        }
        arrow_text(a, kind, i, &text, &size);
        failed = gather_bytes(k, &g, (Py_ssize_t)i, text, size) < 0;
    }
    if (!failed) failed = run(k, &g, (double *)PyBytes_AsString(out)) < 0;
    gather_free(&g);
    if (failed) Py_CLEAR(out);
    return out;
}

static char arrow_kind(const struct ArrowSchema *schema) {
    if (!strcmp(schema->format, "u")) return 'u';
    if (!strcmp(schema->format, "U")) return 'U';
    if (!strcmp(schema->format, "vu")) return 'v';
    PyErr_Format(PyExc_BufferError, "not an Arrow array of strings: format '%s'", schema->format);
    return 0;
}

static PyObject *Kernel_score_arrow(Kernel *k, PyObject *args) {
    PyObject *schema_capsule, *array_capsule;
    struct ArrowSchema *schema;
    struct ArrowArray *array;
    char kind;
    if (!PyArg_ParseTuple(args, "OO", &schema_capsule, &array_capsule)) return NULL;
    schema = PyCapsule_GetPointer(schema_capsule, "arrow_schema");
    array = schema ? PyCapsule_GetPointer(array_capsule, "arrow_array") : NULL;
    if (!array) return NULL;
    if (!schema->release || !array->release) {
        PyErr_SetString(PyExc_ValueError, "the Arrow array was used up before");
        return NULL;
    }
    if (!(kind = arrow_kind(schema))) return NULL;
    return arrow_score(k, array, kind, 0);
}

static PyObject *Kernel_score_stream(Kernel *k, PyObject *args) {
    PyObject *capsule, *list = PyList_New(0);
    struct ArrowArrayStream *stream;
    struct ArrowSchema schema = {0};
    Py_ssize_t first = 0;
    char kind;
    if (!list || !PyArg_ParseTuple(args, "O", &capsule)) goto fail;
    stream = PyCapsule_GetPointer(capsule, "arrow_array_stream");
    if (!stream) goto fail;
    if (!stream->release) {
        PyErr_SetString(PyExc_ValueError, "the Arrow stream was used up before");
        goto fail;
    }
    if (stream->get_schema(stream, &schema)) {
        PyErr_SetString(PyExc_ValueError, "the Arrow stream gave no schema");
        goto fail;
    }
    kind = arrow_kind(&schema);
    if (schema.release) schema.release(&schema);
    if (!kind) goto fail;
    for (;;) {
        struct ArrowArray array = {0};
        PyObject *part;
        int failed;
        Py_BEGIN_ALLOW_THREADS
        failed = stream->get_next(stream, &array);
        Py_END_ALLOW_THREADS
        if (failed) {
            const char *why = stream->get_last_error ? stream->get_last_error(stream) : NULL;
            PyErr_Format(PyExc_ValueError, "the Arrow stream broke off: %s", why ? why : "it does not say why");
            goto fail;
        }
        if (!array.release) return list;
        part = arrow_score(k, &array, kind, first);
        first += (Py_ssize_t)array.length;
        array.release(&array);
        failed = !part || PyList_Append(list, part) < 0;
        Py_XDECREF(part);
        if (failed) goto fail;
    }
fail:
    Py_XDECREF(list);
    return NULL;
}

static PyMethodDef Kernel_methods[] = {
    {"score", (PyCFunction)Kernel_score, METH_VARARGS, "score(texts, start, stop, first, out): logits into out."},
    {"score_arrow", (PyCFunction)Kernel_score_arrow, METH_VARARGS, "score_arrow(schema, array): logits as bytes."},
    {"score_stream", (PyCFunction)Kernel_score_stream, METH_VARARGS, "score_stream(stream): logits as bytes a chunk."},
    {"link", (PyCFunction)Kernel_link, METH_VARARGS, "link(logits, out): probabilities into out."},
    {"predict", (PyCFunction)Kernel_predict, METH_VARARGS, "predict(texts, first, target, bars): predictions."},
    {"floor", (PyCFunction)Kernel_floor, METH_VARARGS, "floor(texts): cut and hash only, for measuring."},
    {NULL, NULL, 0, NULL}};

static PyType_Slot Kernel_slots[] = {{Py_tp_new, (void *)Kernel_new},
                                     {Py_tp_dealloc, (void *)Kernel_dealloc},
                                     {Py_tp_methods, Kernel_methods},
                                     {Py_tp_doc, "A model ready to score texts."},
                                     {0, NULL}};

static PyType_Spec Kernel_spec = {"stance._kernel.Kernel", sizeof(Kernel), 0, Py_TPFLAGS_DEFAULT, Kernel_slots};

static PyObject *module_hash(PyObject *module, PyObject *args) {
    const char *text;
    Py_ssize_t size;
    u8 *copy;
    u64 h;
    (void)module;
    if (!PyArg_ParseTuple(args, "y#", &text, &size)) return NULL;
    copy = calloc((size_t)size + PAD, 1);
    if (!copy) return PyErr_NoMemory();
    memcpy(copy, text, (size_t)size);
    h = hash_bytes(copy, (size_t)size);
    free(copy);
    return PyLong_FromUnsignedLongLong(h);
}

static PyObject *module_hash_pair(PyObject *module, PyObject *args) {
    unsigned long long left, right;
    (void)module;
    if (!PyArg_ParseTuple(args, "KK", &left, &right)) return NULL;
    return PyLong_FromUnsignedLongLong(hash_pair(left, right));
}

/* ---- products for training -------------------------------------------------------------------------------------- */

/* Give them back; None, or an exception where they were no good. */
static PyObject *give_buffers(Py_buffer *view, int count, int good) {
    for (int i = 0; i < count; i++) PyBuffer_Release(&view[i]);
    if (good) return Py_NewRef(Py_None);
    PyErr_SetString(PyExc_ValueError, "the parts of the product do not fit together");
    return NULL;
}

typedef struct {
    const int32_t *starts, *columns;
    const float *values, *dense, *scales;
    float *out;
    size_t rows;
} Product;

/* The sums are of single products in the order of the row, as scipy's are, so that both give the same bytes. */
INLINE void multiply_by(const Product *m, const size_t width) {
    const int32_t *starts = m->starts, *columns = m->columns;
    const float *values = m->values, *dense = m->dense, *scales = m->scales;
    float *out = m->out;
    for (size_t i = 0, rows = m->rows; i < rows; i++, out += width) {
        float sum[16] = {0};
        for (int32_t j = starts[i], stop = starts[i + 1]; j < stop; j++) {
            const float value = values[j], *row = dense + (size_t)(u32)columns[j] * width;
            for (size_t c = 0; c < width; c++) sum[c] += value * row[c];
        }
        if (scales)
            for (size_t c = 0; c < width; c++) sum[c] *= scales[i * width + c];
        memcpy(out, sum, width * sizeof *out);
    }
}

#if defined(__GNUC__)
typedef float FourFloats __attribute__((vector_size(16)));
typedef float Eight __attribute__((vector_size(32)));

INLINE FourFloats *load_four(FourFloats *to, const float *from) {
    memcpy(to, from, sizeof *to);
    return to;
}

INLINE Eight *load_eight(Eight *to, const float *from) {
    memcpy(to, from, sizeof *to);
    return to;
}

/* The same for 4, 8 or 16 columns, told to the compiler as vectors. */
INLINE void multiply_by_vectors(const Product *m, const size_t width) {
    const int32_t *starts = m->starts, *columns = m->columns;
    const float *values = m->values, *dense = m->dense, *scales = m->scales;
    float *out = m->out;
    for (size_t i = 0, rows = m->rows; i < rows; i++, out += width) {
        Eight one = {0}, two = {0}, eight;
        FourFloats few = {0}, four;
        for (int32_t j = starts[i], stop = starts[i + 1]; j < stop; j++) {
            const float value = values[j], *row = dense + (size_t)(u32)columns[j] * width;
            if (width == 4) few += value * *load_four(&four, row);
            if (width >= 8) one += value * *load_eight(&eight, row);
            if (width == 16) two += value * *load_eight(&eight, row + 8);
        }
        if (scales) {
            const float *row = scales + i * width;
            if (width == 4) few *= *load_four(&four, row);
            if (width >= 8) one *= *load_eight(&eight, row);
            if (width == 16) two *= *load_eight(&eight, row + 8);
        }
        if (width == 4) memcpy(out, &few, sizeof few);
        if (width >= 8) memcpy(out, &one, sizeof one);
        if (width == 16) memcpy(out + 8, &two, sizeof two);
    }
}
#endif

static WIDE void multiply_rows(const Product *m, size_t width) {
    switch (width) { /* each its own copy, unrolled */
#if defined(__GNUC__)
        case 4: multiply_by_vectors(m, 4); break;
        case 8: multiply_by_vectors(m, 8); break;
        case 16: multiply_by_vectors(m, 16); break;
#endif
        case 1: multiply_by(m, 1); break;
        case 2: multiply_by(m, 2); break;
        default: multiply_by(m, width);
    }
}

/* Whether rows begin one after the other and all columns exist; without a branch, since it is asked each time. The last
 * start is known to be the number of columns given. */
static WIDE int within(const Product *m, u64 columns) {
    u32 backwards = 0, highest = 0;
    size_t count = (size_t)m->starts[m->rows];
    for (size_t i = 0; i < m->rows; i++) backwards |= (u32)(m->starts[i] > m->starts[i + 1]);
    for (size_t j = 0; j < count; j++) {
        u32 column = (u32)m->columns[j];
        highest = column > highest ? column : highest;
    }
    return !backwards && (!count || highest < columns);
}

/* Whether a buffer holds so many rows of singles. */
static int is_matrix(const Py_buffer *view, Py_ssize_t rows, Py_ssize_t width) {
    return rows <= PY_SSIZE_T_MAX / 4 / width && view->len == rows * width * 4;
}

static int apart(const Py_buffer *one, const Py_buffer *other) {
    uintptr_t a = (uintptr_t)one->buf, b = (uintptr_t)other->buf;
    return a + (size_t)one->len <= b || b + (size_t)other->len <= a;
}

static PyObject *module_multiply(PyObject *module, PyObject *args) {
    PyObject *given[6];
    Py_buffer view[6];
    Py_ssize_t columns, width;
    Product m;
    int good, all;
    (void)module;
    if (!PyArg_ParseTuple(args, "OOOOOOnn", &given[0], &given[1], &given[2], &given[3], &given[4], &given[5], &columns,
                          &width))
        return NULL;
    all = given[5] == Py_None ? 5 : 6;
    if (take_buffers(given, view, all, 1) < 0) return NULL;
    m.out = view[0].buf;
    m.starts = view[1].buf;
    m.columns = view[2].buf;
    m.values = view[3].buf;
    m.dense = view[4].buf;
    m.scales = all == 6 ? view[5].buf : NULL;
    m.rows = (size_t)view[1].len / sizeof(int32_t) - 1;
    good = view[1].len >= 4 && width >= 1 && width <= 16 && columns >= 0 && columns <= INT32_MAX && m.starts[0] == 0 &&
           m.starts[m.rows] >= 0 && view[2].len % 4 == 0 && view[2].len / 4 == m.starts[m.rows] &&
           view[3].len == view[2].len && is_matrix(&view[4], columns, width) &&
           is_matrix(&view[0], (Py_ssize_t)m.rows, width) && (all == 5 || view[5].len == view[0].len) &&
           apart(&view[0], &view[1]) && apart(&view[0], &view[2]) && within(&m, (u64)columns);
    if (good) {
        Py_BEGIN_ALLOW_THREADS
        multiply_rows(&m, (size_t)width);
        Py_END_ALLOW_THREADS
    }
    return give_buffers(view, all, good);
}

enum { DOT_LANES = 32, DOT_BLOCK = 4096 };

/* Products of some vectors with one, element by element, each summed in DOT_LANES lanes in their order. */
static WIDE void dot_rows(const float *vectors, const float *vector, size_t count, size_t size, float *out) {
    memset(out, 0, count * DOT_LANES * sizeof *out);
    for (size_t from = 0; from < size; from += DOT_BLOCK) {
        const size_t stop = size - from < DOT_BLOCK ? size : from + DOT_BLOCK;
        for (size_t i = 0; i < count; i++) {
            const float *row = vectors + i * size;
            float *into = out + i * DOT_LANES, lanes[DOT_LANES];
            size_t j = from;
            memcpy(lanes, into, sizeof lanes);
            for (; j + DOT_LANES <= stop; j += DOT_LANES)
                for (size_t l = 0; l < DOT_LANES; l++) lanes[l] += row[j + l] * vector[j + l];
            for (size_t l = 0; j + l < stop; l++) lanes[l] += row[j + l] * vector[j + l];
            memcpy(into, lanes, sizeof lanes);
        }
    }
}

static PyObject *module_dots(PyObject *module, PyObject *args) {
    PyObject *given[3];
    Py_buffer view[3];
    Py_ssize_t count, size;
    int good;
    (void)module;
    if (!PyArg_ParseTuple(args, "OOOn", &given[0], &given[1], &given[2], &count)) return NULL;
    if (take_buffers(given, view, 3, 1) < 0) return NULL;
    size = view[2].len / 4;
    good = count >= 0 && count < PY_SSIZE_T_MAX / (DOT_LANES * 4) && view[0].len == count * DOT_LANES * 4 &&
           (size == 0 || count <= view[1].len / 4 / size);
    if (good) {
        Py_BEGIN_ALLOW_THREADS
        dot_rows(view[1].buf, view[2].buf, (size_t)count, (size_t)size, view[0].buf);
        Py_END_ALLOW_THREADS
    }
    return give_buffers(view, 3, good);
}

/* The sum of some vectors, each times its weight, the first one's apart from the others. */
static WIDE void mix_rows(const float *weights, const float *first, const float *vectors, size_t count, size_t size,
                          float *out) {
    float sum[64];
    for (size_t j = 0; j < size; j += 64) {
        const size_t some = size - j < 64 ? size - j : 64;
        if (some == 64) {
            for (size_t l = 0; l < 64; l++) sum[l] = weights[0] * first[j + l];
            for (size_t i = 0; i < count; i++)
                for (size_t l = 0; l < 64; l++) sum[l] += weights[i + 1] * vectors[i * size + j + l];
        } else {
            for (size_t l = 0; l < some; l++) sum[l] = weights[0] * first[j + l];
            for (size_t i = 0; i < count; i++)
                for (size_t l = 0; l < some; l++) sum[l] += weights[i + 1] * vectors[i * size + j + l];
        }
        memcpy(out + j, sum, some * sizeof *out);
    }
}

static PyObject *module_mix(PyObject *module, PyObject *args) {
    PyObject *given[4];
    Py_buffer view[4];
    Py_ssize_t count, size;
    int good;
    (void)module;
    if (!PyArg_ParseTuple(args, "OOOO", &given[0], &given[1], &given[2], &given[3])) return NULL;
    if (take_buffers(given, view, 4, 1) < 0) return NULL;
    count = view[1].len / 4 - 1;
    size = view[0].len / 4;
    good = count >= 0 && view[2].len == view[0].len && (size == 0 || count <= view[3].len / 4 / size);
    if (good) {
        Py_BEGIN_ALLOW_THREADS
        mix_rows(view[1].buf, view[2].buf, view[3].buf, (size_t)count, (size_t)size, view[0].buf);
        Py_END_ALLOW_THREADS
    }
    return give_buffers(view, 4, good);
}

static PyMethodDef module_methods[] = {
    {"hash64", module_hash, METH_VARARGS, "hash64(bytes): the 64-bit hash of a key."},
    {"hash_pair", module_hash_pair, METH_VARARGS, "hash_pair(left, right): the hash of a 2-gram."},
    {"keys", module_keys, METH_VARARGS, "keys(lines, count, pairs): a table of them, for a kernel."},
    {"multiply", module_multiply, METH_VARARGS, "multiply(out, starts, columns, values, dense, scales, columns, width)."},
    {"dots", module_dots, METH_VARARGS, "dots(out, vectors, vector, count): their products, in lanes."},
    {"mix", module_mix, METH_VARARGS, "mix(out, weights, first, vectors): their weighted sum."},
    {NULL, NULL, 0, NULL}};

static int module_exec(PyObject *module) {
    PyObject *type = PyType_FromModuleAndSpec(module, &Kernel_spec, NULL);
    int failed = !type || PyModule_AddType(module, (PyTypeObject *)type) < 0;
    Py_XDECREF(type);
    return failed ? -1 : 0;
}

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, (void *)module_exec}, {0, NULL}};

static struct PyModuleDef module_def = {PyModuleDef_HEAD_INIT, "stance._kernel", "The compiled scorer.", 0,
                                        module_methods, module_slots, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__kernel(void) { return PyModuleDef_Init(&module_def); }
