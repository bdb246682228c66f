/* The compiled scorer: text in, logits or predictions out. What it computes is defined by stance/reference.py, and
 * tests hold the two together; this file only makes it fast:
 *
 * - A text is lower-cased and cut into words eight bytes at a time, and each word is hashed as it is found.
 * - A word met before costs one look-up: its 1-gram's row and the sum of its character n-grams' rows are kept by hash
 *   in a bounded cache, one for each call that runs at the same time. A new word takes the slow way once.
 * - A 2-gram's hash is made from its two units' hashes; most 2-grams are unknown, and two bytes a slot say so.
 * - Sums are of doubles in the order of the text, so that a score never depends on neighbours or threads.
 *
 * A feature is known by the 64-bit hash of its key; the keys themselves are not compared. Loading refuses a model two
 * of whose keys share a hash. The hash has no secret: words can be made that share one, and so each other's rows. Scoring runs without the interpreter lock; see `Gather` for what is done under it.
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

/* On glibc, a second copy of the hot functions for processors with 32-byte vectors, chosen when the module loads. */
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
#define WIDE __attribute__((target_clones("avx2", "default")))
#else
#define WIDE
#endif

#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>
#define INLINE static __forceinline
#define PREFETCH(p) ((void)0)
#else
#define INLINE static inline __attribute__((always_inline))
#define PREFETCH(p) __builtin_prefetch(p)
#endif

typedef uint64_t u64;
typedef uint32_t u32;
typedef uint16_t u16;
typedef unsigned char u8;

enum {
    PAD = 128,            /* readable zero bytes after every buffer that is scanned */
    WORD_LIMIT = 40,      /* characters of a word that its n-grams and prefixes look at */
    NEGATION_REACH = 4,   /* words after a negation that it reaches */
    CACHE_LIMIT = 1 << 16, /* words kept; a single text may go past it, the next begins anew */
    CHUNK = 256,          /* texts whose bytes are looked up at a time, while they are warm */
    BLOCK = 8192          /* texts whose predictions are made at a time */
};

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
    _BitScanForward64(&at, bits);
    return (int)at;
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

/* Open addressing from hash to number; a slot whose hash is 0 is empty. */
typedef struct {
    u64 hash;
    u32 number;
} Cell;

typedef struct {
    Cell *cells;
    u64 *bits; /* a bit for each hash it holds, by the hash's upper half: a clear one spares a look at the cells */
    size_t size, limit;
    u32 mask, bit_mask;
} Table;

static int table_init(Table *t, size_t limit) {
    size_t cells = 16;
    while (cells < 2 * limit) cells *= 2;
    t->size = 0;
    t->limit = limit;
    t->mask = (u32)(cells - 1);
    t->bit_mask = (u32)(8 * cells - 1);
    t->cells = calloc(cells, sizeof *t->cells);
    t->bits = calloc(cells / 8, sizeof *t->bits);
    return t->cells && t->bits ? 0 : -1;
}

static void table_free(Table *t) {
    free(t->cells);
    free(t->bits);
    memset(t, 0, sizeof *t);
}

/* The hash's number, or -1. */
INLINE int64_t table_get(const Table *t, u64 h) {
    for (u32 i = (u32)h & t->mask;; i = (i + 1) & t->mask) {
        if (t->cells[i].hash == h) return t->cells[i].number;
        if (!t->cells[i].hash) return -1;
    }
}

/* Whether the table may hold the hash. */
INLINE u32 table_may(const Table *t, u64 h) {
    u32 at = (u32)(h >> 32) & t->bit_mask;
    return (u32)(t->bits[at / 64] >> (at % 64)) & 1;
}

/* Give the hash the next number; -1 if it has one. */
static int64_t table_add(Table *t, u64 h) {
    u32 i = (u32)h & t->mask;
    while (t->cells[i].hash && t->cells[i].hash != h) i = (i + 1) & t->mask;
    if (t->cells[i].hash || t->size >= t->limit) return -1;
    t->cells[i].hash = h;
    t->cells[i].number = (u32)t->size;
    t->bits[((u32)(h >> 32) & t->bit_mask) / 64] |= 1ull << ((u32)(h >> 32) & t->bit_mask) % 64;
    return (int64_t)t->size++;
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
    int width, stride, lanes, topics, targets, stances, neutral; /* neutral: its number among the stances, or -1 */
    int char_min, char_max;
    size_t word_count, char_count, features;
    float *rows; /* features x stride, and a row of zeros */
    void *rows_block;
    double *bias, *thresholds, *blank;
    Table words, grams;
    u8 *phrase_text;
    Part *parts;
    Phrase *phrases;
    int phrase_count;
    Starts aliases, exact, prefix;
    int groups, cues, contexts;
    u64 *group_hash, *context_mask;
    const float **group_row; /* of the group's token as a 1-gram; NULL: unknown */
    int32_t *lexicon_row;    /* [4][cues] feature or -1; plain, negated, conceded, before */
    int32_t *context_row;    /* [contexts][4][cues] */
    int32_t *pair_row;       /* [groups][groups] */
    int32_t *presence_row;   /* groups, then contexts; -2: no such key */
    u32 *pages[0x1100];      /* by code point / 256; see character() */
    Worker *idle;
    PyObject *type, *slots[6], *names[3]; /* Prediction, its slots' descriptors; topics, targets, stances */
    descrsetfunc set_slot[6];
} Kernel;

/* ---- a worker: what one call needs to itself ------------------------------------------------------------------- */

typedef struct {
    u64 hash; /* 0: empty */
    u32 row, grams, entry;
} Slot;

typedef struct {
    int cue;
    u32 first, last;
} Mark;

struct Worker {
    Worker *next;
    Slot *slots;
    u32 slot_count, used;
    float *rows; /* a word's 1-gram, then its n-grams' sum */
    void *rows_block;
    size_t row_count;
    int *entries; /* four lists, each after its length: phrases of aliases; cues of one part; scopes of one part;
                     phrases of more parts. Offset 0 is unused */
    size_t entry_used, entry_size;
    u8 *text; /* normalised: separators are 0 */
    size_t text_size;
    u32 *start, *end, *row, *entry, *special, *breaks; /* special: words with an entry */
    int32_t *reach[2];
    u64 *hash, *unit_hash;
    const float **unit_row;
    size_t word_size;
    Mark *marks, *scopes;
    const float **added[3]; /* rows of the lexicon, context and presence blocks */
    size_t mark_size, added_size[3];
    double *sums; /* five blocks of stride */
};

static void *aligned_floats(size_t count, void **block) {
    *block = malloc(count * sizeof(float) + 64);
    return *block ? (void *)(((uintptr_t)*block + 63) & ~(uintptr_t)63) : NULL;
}

static void worker_free(Worker *w) {
    if (!w) return;
    free(w->slots);
    free(w->rows_block);
    free(w->entries);
    free(w->text);
    free(w->start);
    free(w->end);
    free(w->row);
    free(w->entry);
    free(w->special);
    free(w->breaks);
    free(w->reach[0]);
    free(w->reach[1]);
    free(w->hash);
    free(w->unit_hash);
    free((void *)w->unit_row);
    free(w->marks);
    free(w->scopes);
    for (int i = 0; i < 3; i++) free((void *)w->added[i]);
    free(w->sums);
    free(w);
}

static int worker_clear(Worker *w, u32 slot_count) {
    if (w->slot_count != slot_count) {
        free(w->slots);
        w->slots = malloc(slot_count * sizeof *w->slots);
        w->slot_count = w->slots ? slot_count : 0;
        if (!w->slots) return -1;
    }
    memset(w->slots, 0, slot_count * sizeof *w->slots);
    w->used = 0;
    w->entry_used = 1;
    return 0;
}

static Worker *worker_new(const Kernel *k) {
    Worker *w = calloc(1, sizeof *w);
    if (!w) return NULL;
    w->sums = malloc(5 * (size_t)k->stride * sizeof *w->sums);
    if (!w->sums || worker_clear(w, 1 << 12) < 0) {
        worker_free(w);
        return NULL;
    }
    return w;
}

static int grow(void *where, size_t count, size_t size) {
    void *block, *old;
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
        grow(&w->row, n, sizeof *w->row) || grow(&w->entry, n, sizeof *w->entry) ||
        grow(&w->special, n, sizeof *w->special) || grow(&w->breaks, n, sizeof *w->breaks) ||
        grow(&w->reach[0], n, sizeof **w->reach) || grow(&w->reach[1], n, sizeof **w->reach) ||
        grow(&w->hash, n, sizeof *w->hash) || grow(&w->unit_hash, n, sizeof *w->unit_hash) ||
        grow(&w->unit_row, n, sizeof *w->unit_row))
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
    for (; i + 8 <= n; i += 8) {
        memcpy(&eight, s + i, 8);
        if (eight & 0x8080808080808080ull) break;
    }
    while (i < n && s[i] < 0x80) i++;
    return i;
}

/* Normalise into w->text and give its length, or SIZE_MAX when memory is out. */
INLINE size_t normalise(const Kernel *k, Worker *w, const u8 *s, size_t n, int ascii) {
    const u8 *stop = s + n;
    u8 *out;
    size_t wanted = (ascii ? n : 2 * n) + PAD; /* lower case takes 3 bytes for 2 at most */
    if (w->text_size < wanted) {
        free(w->text);
        w->text = malloc(2 * wanted);
        w->text_size = w->text ? 2 * wanted : 0;
        if (!w->text) return SIZE_MAX;
    }
    out = w->text;
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
    memset(out, 0, PAD);
    return (size_t)(out - w->text);
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

/* Where the words of w->text begin and end, and their hashes; gives their number, or -1 when memory is out. */
INLINE int64_t split(Worker *w, size_t n) {
    size_t starts = 0, ends = 0;
    u64 carry = 0;
    for (size_t at = 0; at <= n; at += 64) {
        u64 bits = filled(w->text + at), before = bits << 1 | carry;
        u64 begin = bits & ~before, finish = ~bits & before;
        carry = bits >> 63;
        if (starts + 32 >= w->word_size && need_words(w, starts + 64) < 0) return -1;
        for (; begin; begin &= begin - 1) w->start[starts++] = (u32)(at + (size_t)lowest_bit(begin));
        for (; finish; finish &= finish - 1) w->end[ends++] = (u32)(at + (size_t)lowest_bit(finish));
    }
    for (size_t i = 0; i < ends; i++) w->hash[i] = hash_word(w->text + w->start[i], w->end[i] - w->start[i]);
    return (int64_t)ends;
}

/* ---- rows ------------------------------------------------------------------------------------------------------ */

INLINE void add_row(double *sum, const float *row, int lanes) {
    for (int c = 0; c < lanes; c++) sum[c] += (double)row[c];
}

/* Sum many rows; the usual width is unrolled, so that the sums stay in registers. */
INLINE void add_rows(double *sum, const float *const *rows, size_t count, int lanes) {
    if (lanes == 12) {
        double s[12];
        memcpy(s, sum, sizeof s);
        for (size_t i = 0; i < count; i++)
            for (int c = 0; c < 12; c++) s[c] += (double)rows[i][c];
        memcpy(sum, s, sizeof s);
        return;
    }
    for (size_t i = 0; i < count; i++) add_row(sum, rows[i], lanes);
}

/* A feature's row; the row of zeros for -1. */
INLINE const float *feature(const Kernel *k, int64_t number) {
    return k->rows + (number < 0 ? k->features : (size_t)number) * (size_t)k->stride;
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

enum { ALIASES, CUES, SCOPES, PHRASES };

/* Add what one list of an entry holds of the phrases whose first part has this hash; no cue or scope of one part
 * twice. */
static int push_phrases(const Kernel *k, Worker *w, const Starts *starts, u64 h, int list, int *count) {
    int64_t at = table_get(&starts->table, h);
    for (int p = at < 0 ? -1 : starts->first[at]; p >= 0; p = k->phrases[p].next) {
        const Phrase *phrase = &k->phrases[p];
        int kind = phrase->count > 1 ? PHRASES : phrase->scope ? SCOPES : CUES, twice = 0;
        int value = list == CUES ? phrase->id : list == SCOPES ? phrase->scope : p;
        if (list != ALIASES && kind != list) continue;
        for (int i = 1; i <= *count && list != ALIASES; i++) twice |= w->entries[w->entry_used - (size_t)i] == value;
        if (twice) continue;
        if (push_entry(w, value) < 0) return -1;
        ++*count;
    }
    return 0;
}

static int push_list(const Kernel *k, Worker *w, const Starts *starts, u64 h, int list, int *count) {
    size_t at = w->entry_used;
    if (push_entry(w, 0) < 0 || push_phrases(k, w, starts, h, list, count) < 0) return -1;
    w->entries[at] = *count;
    return 0;
}

/* The slow way: a word's rows and phrases, worked out once; its slot is empty. */
static int learn(const Kernel *k, Worker *w, Slot *slot, u64 h, const u8 *word, size_t size) {
    u8 marked[4 * WORD_LIMIT + 2 + 8];
    size_t edge[WORD_LIMIT + 3], used = 1, chars = 0, stride = (size_t)k->stride, start;
    double sum[256];
    float *own;
    int count = 0;
    u32 grams = 0;
    if (w->used == w->row_count) {
        size_t rows = w->row_count ? 2 * w->row_count : 1024;
        void *block;
        float *grown = aligned_floats(rows * 2 * stride, &block);
        if (!grown) return -1;
        if (w->used) memcpy(grown, w->rows, w->used * 2 * stride * sizeof(float));
        free(w->rows_block);
        w->rows_block = block;
        w->rows = grown;
        w->row_count = rows;
    }
    own = w->rows + (size_t)w->used * 2 * stride;
    memset(own, 0, 2 * stride * sizeof(float));
    memcpy(own, feature(k, table_get(&k->words, h)), stride * sizeof(float));

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

    start = w->entry_used;
    if (push_list(k, w, &k->aliases, h, ALIASES, &count) < 0) return -1;
    for (int list = CUES; list <= PHRASES; list++) {
        size_t at = w->entry_used;
        int found = 0;
        if (push_entry(w, 0) < 0 || push_phrases(k, w, &k->exact, h, list, &found) < 0) return -1;
        for (size_t c = 1; c <= chars; c++) {
            u8 begin[4 * WORD_LIMIT + 8];
            size_t n = edge[c + 1] - 1;
            memset(begin + n, 0, 8);
            memcpy(begin, marked + 1, n);
            if (push_phrases(k, w, &k->prefix, hash_bytes(begin, n), list, &found) < 0) return -1;
        }
        w->entries[at] = found;
        count += found;
    }
    if (!count) w->entry_used = start;

    memset(sum, 0, sizeof sum);
    for (int n = k->char_min; n <= k->char_max; n++)
        for (size_t c = 0; c + (size_t)n <= chars + 2; c++, grams++) {
            size_t from = edge[c];
            int64_t number = table_get(&k->grams, hash_bytes(marked + from, edge[c + (size_t)n] - from));
            if (number >= 0) add_row(sum, feature(k, number + (int64_t)k->word_count), k->lanes);
        }
    for (int i = 0; i < k->width; i++) own[stride + (size_t)i] = (float)sum[i];
    slot->hash = h;
    slot->row = w->used++;
    slot->grams = grams;
    slot->entry = count ? (u32)start : 0;
    return 0;
}

static int grow_slots(Worker *w) {
    Slot *old = w->slots;
    u32 count = w->slot_count, mask = 2 * count - 1;
    Slot *slots = calloc(2 * (size_t)count, sizeof *slots);
    if (!slots) return -1;
    for (u32 i = 0; i < count; i++)
        if (old[i].hash) {
            u32 at = (u32)old[i].hash & mask;
            while (slots[at].hash) at = (at + 1) & mask;
            slots[at] = old[i];
        }
    free(old);
    w->slots = slots;
    w->slot_count = 2 * count;
    return 0;
}

/* The word's slot, or NULL when memory is out. */
INLINE Slot *find(const Kernel *k, Worker *w, u64 h, const u8 *word, size_t size) {
    u32 mask = w->slot_count - 1, at = (u32)h & mask;
    while (w->slots[at].hash != h) {
        if (!w->slots[at].hash) {
            if (2 * w->used >= w->slot_count) {
                if (grow_slots(w) < 0) return NULL;
                mask = w->slot_count - 1;
                at = (u32)h & mask;
                while (w->slots[at].hash) at = (at + 1) & mask;
            }
            return learn(k, w, &w->slots[at], h, word, size) < 0 ? NULL : &w->slots[at];
        }
        at = (at + 1) & mask;
    }
    return &w->slots[at];
}

/* ---- the lexicon ----------------------------------------------------------------------------------------------- */

/* Whether the phrase's further parts stand after word i of n. */
INLINE int follows(const Worker *w, const Phrase *p, size_t i, size_t n) {
    if (i + (size_t)p->count > n) return 0;
    for (int j = 1; j < p->count; j++) {
        const Part *part = &p->parts[j];
        size_t at = i + (size_t)j;
        if (!part->star) {
            if (w->hash[at] != part->hash) return 0;
        } else if (w->end[at] - w->start[at] < part->size || memcmp(w->text + w->start[at], part->text, part->size)) {
            return 0;
        }
    }
    return 1;
}

/* breaks[j]: the first word at or after j that the end of a clause follows, or n - 1. */
static void clause_breaks(const Kernel *k, Worker *w, const u8 *s, size_t size, size_t n) {
    const u8 *stop = s + size;
    size_t word = 0;
    int inside = 0, dash = 0;
    memset(w->breaks, 0, n * sizeof *w->breaks);
    while (s < stop) {
        u32 point = *s < 0x80 ? *s++ : decode(&s);
        int alnum = point < 0x80 ? (point | 0x20) - 'a' < 26u || point - '0' < 10u : !!(character(k, point) & ALNUM);
        word += (size_t)(alnum && !inside); /* words begun so far */
        if (!alnum && word && (point == ',' || point == ';' || point == ':' || point == 0x2014 || (point == '-' && dash)))
            w->breaks[word - 1] = 1;
        dash = point == '-';
        inside = alnum;
    }
    for (size_t j = n, next = n - 1; j-- > 0;) {
        if (w->breaks[j]) next = j;
        w->breaks[j] = (u32)next;
    }
}

INLINE const float *word_row(const Kernel *k, const Worker *w, size_t i) {
    return w->rows + (size_t)w->row[i] * 2 * (size_t)k->stride;
}

/* Words to units, with entity aliases replaced by their groups; gives the number of units. */
INLINE size_t collapse(const Kernel *k, Worker *w, size_t n, size_t specials, u64 *groups) {
    size_t units = 0, done = 0;
    for (size_t at = 0; at <= specials; at++) {
        size_t i = at < specials ? w->special[at] : n;
        const int *entry;
        const Phrase *alias = NULL;
        if (i < done) continue;
        if (i < n) {
            entry = w->entries + w->entry[i];
            for (int a = 0; !alias && a < entry[0]; a++)
                if (follows(w, &k->phrases[entry[1 + a]], i, n)) alias = &k->phrases[entry[1 + a]];
            if (!alias) continue;
        }
        for (; done < i; done++, units++) {
            w->unit_hash[units] = w->hash[done];
            w->unit_row[units] = word_row(k, w, done);
        }
        if (!alias) break;
        w->unit_hash[units] = k->group_hash[alias->id];
        w->unit_row[units++] = k->group_row[alias->id];
        *groups |= 1ull << alias->id;
        done += (size_t)alias->count;
    }
    return units;
}

/* The entry of special word number s. */
INLINE const int *entry_of(const Worker *w, size_t s) { return w->entries + w->entry[w->special[s]]; }

INLINE const int *next_list(const int *list) { return list + 1 + list[0]; }

/* Scopes of any length, and cues of more parts than one, into w->scopes and w->marks, each distinct. */
INLINE void find_marks(const Kernel *k, Worker *w, size_t n, size_t specials, size_t *marks, size_t *scopes) {
    *marks = *scopes = 0;
    for (size_t s = 0; s < specials; s++) {
        size_t i = w->special[s], here[2] = {*marks, *scopes};
        const int *list = next_list(next_list(entry_of(w, s)));
        for (int c = 1; c <= list[0]; c++) w->scopes[(*scopes)++] = (Mark){list[c], (u32)i, (u32)i};
        list = next_list(list);
        for (int c = 1; c <= list[0]; c++) {
            const Phrase *p = &k->phrases[list[c]];
            Mark mark = {p->scope ? p->scope : p->id, (u32)i, (u32)i + (u32)p->count - 1};
            Mark *into = p->scope ? w->scopes : w->marks;
            size_t *used = p->scope ? scopes : marks, at;
            if (!follows(w, p, i, n)) continue;
            for (at = here[p->scope > 0]; at < *used; at++)
                if (into[at].cue == mark.cue && into[at].last == mark.last) break;
            if (at == *used) into[(*used)++] = mark;
        }
    }
}

/* Add the cues of one part to w->marks. */
INLINE size_t all_marks(Worker *w, size_t specials, size_t marks) {
    for (size_t s = 0; s < specials; s++) {
        const int *list = next_list(entry_of(w, s));
        for (int c = 1; c <= list[0]; c++) w->marks[marks++] = (Mark){list[c], w->special[s], w->special[s]};
    }
    return marks;
}

/* Room for all marks and scopes that a text may have. */
static int need_marks(Worker *w, size_t specials) {
    size_t marks = 1;
    for (size_t s = 0; s < specials; s++) {
        const int *list = next_list(entry_of(w, s));
        for (int l = CUES; l <= PHRASES; l++, list = next_list(list)) marks += (size_t)list[0];
    }
    if (marks <= w->mark_size) return 0;
    w->mark_size = 0;
    if (grow(&w->marks, 2 * marks, sizeof(Mark)) || grow(&w->scopes, 2 * marks, sizeof(Mark))) return -1;
    w->mark_size = 2 * marks;
    return 0;
}

/* Room for the rows of so many marks, each in up to four variants, and of all pairs of groups. */
static int need_rows(Worker *w, size_t marks, size_t wholes) {
    size_t wanted[3] = {4 * marks + 64 * 64, 4 * marks * wholes + 1, 128};
    for (int b = 0; b < 3; b++) {
        if (wanted[b] <= w->added_size[b]) continue;
        w->added_size[b] = 0;
        if (grow(&w->added[b], 2 * wanted[b], sizeof *w->added[b])) return -1;
        w->added_size[b] = 2 * wanted[b];
    }
    return 0;
}

/* How many negations and concessions reach each word (w->reach); gives the last turn's first word. */
static size_t find_reach(const Kernel *k, Worker *w, const u8 *s, size_t size, size_t n, size_t scopes) {
    size_t limit = 0;
    int concessions = 0;
    memset(w->reach[0], 0, (n + 1) * sizeof **w->reach);
    memset(w->reach[1], 0, (n + 1) * sizeof **w->reach);
    for (size_t i = 0; i < scopes; i++) {
        const Mark *scope = &w->scopes[i];
        size_t from = (size_t)scope->last + 1, to;
        if (scope->cue == 3) {
            if (scope->first > limit) limit = scope->first;
            continue;
        }
        if (scope->cue == 2) {
            if (!concessions++) clause_breaks(k, w, s, size, n);
            to = (size_t)w->breaks[scope->last] + 1;
        } else {
            to = from + NEGATION_REACH < n ? from + NEGATION_REACH : n;
        }
        if (from < to) {
            w->reach[scope->cue - 1][from]++;
            w->reach[scope->cue - 1][to]--;
        }
    }
    for (size_t j = 1; j <= n; j++) {
        w->reach[0][j] += w->reach[0][j - 1];
        w->reach[1][j] += w->reach[1][j - 1];
    }
    return limit;
}

/* A cue's rows in the lexicon and the context block. */
INLINE void add_cue(const Kernel *k, Worker *w, int variant, int cue, const int *whole, int wholes, size_t counts[3]) {
    w->added[0][counts[0]++] = feature(k, k->lexicon_row[variant * k->cues + cue]);
    for (int c = 0; c < wholes; c++)
        w->added[1][counts[1]++] = feature(k, k->context_row[(whole[c] * 4 + variant) * k->cues + cue]);
}

/* Rows and counts of the lexicon, context and presence blocks; -1 when memory is out. */
INLINE int lexicon(const Kernel *k, Worker *w, const u8 *s, size_t size, size_t n, size_t specials, u64 groups,
                   size_t counts[3]) {
    size_t marks, scopes, limit, single = 0;
    int whole[64], wholes = 0;
    if (need_marks(w, specials) < 0) return -1;
    for (int c = 0; c < k->contexts; c++)
        if ((k->context_mask[c] & ~groups) == 0) whole[wholes++] = c;
    find_marks(k, w, n, specials, &marks, &scopes);
    for (size_t i = 0; i < specials; i++) single += (size_t)next_list(entry_of(w, i))[0];
    if (need_rows(w, marks + single, (size_t)wholes) < 0) return -1;
    for (size_t i = 0; i < marks; i++) add_cue(k, w, 0, w->marks[i].cue, whole, wholes, counts);
    for (size_t i = 0; i < specials; i++) {
        const int *list = next_list(entry_of(w, i));
        for (int c = 1; c <= list[0]; c++) add_cue(k, w, 0, list[c], whole, wholes, counts);
    }
    if (scopes && (marks = all_marks(w, specials, marks)) > 0) {
        limit = find_reach(k, w, s, size, n, scopes);
        for (size_t i = 0; i < marks; i++) {
            size_t first = w->marks[i].first;
            if (w->reach[0][first] > 0) add_cue(k, w, 1, w->marks[i].cue, whole, wholes, counts);
            if (w->reach[1][first] > 0) add_cue(k, w, 2, w->marks[i].cue, whole, wholes, counts);
            if (first < limit) add_cue(k, w, 3, w->marks[i].cue, whole, wholes, counts);
        }
    }
    for (u64 left = groups; left; left &= left - 1) {
        int g = lowest_bit(left);
        w->added[2][counts[2]++] = feature(k, k->presence_row[g]);
        for (u64 others = left & (left - 1); others; others &= others - 1)
            w->added[0][counts[0]++] = feature(k, k->pair_row[g * k->groups + lowest_bit(others)]);
    }
    for (int c = 0; c < wholes; c++)
        if (k->presence_row[k->groups + whole[c]] != -2)
            w->added[2][counts[2]++] = feature(k, k->presence_row[k->groups + whole[c]]);
    return 0;
}

/* ---- scoring --------------------------------------------------------------------------------------------------- */

INLINE void add_block(const Kernel *k, double *logits, const double *sum, size_t count) {
    double scale;
    if (!count) return;
    scale = 1.0 / sqrt((double)count);
    for (int c = 0; c < k->width; c++) logits[c] += sum[c] * scale;
}

/* Calibrated logits of one text; -1 when memory is out. */
INLINE int score(const Kernel *k, Worker *w, const u8 *s, size_t size, int ascii, double *logits) {
    size_t length = normalise(k, w, s, size, ascii), stride = (size_t)k->stride, grams = 0, specials = 0, n, units;
    int64_t found;
    size_t counts[3] = {0, 0, 0}, likely = 0;
    u64 groups = 0;
    u32 mask;
    if (length == SIZE_MAX || (found = split(w, length)) < 0) return -1;
    memcpy(logits, k->bias, (size_t)k->width * sizeof *logits);
    if (!found) return 0;
    n = units = (size_t)found;
    if (w->used > CACHE_LIMIT && worker_clear(w, 1 << 12) < 0) return -1;
    memset(w->sums, 0, 5 * stride * sizeof *w->sums);
    mask = w->slot_count - 1;
    for (size_t i = 0; i < n; i++) PREFETCH(&w->slots[(u32)w->hash[i] & mask]);
    for (size_t i = 0; i < n; i++) {
        const Slot *slot = find(k, w, w->hash[i], w->text + w->start[i], w->end[i] - w->start[i]);
        if (!slot) return -1;
        w->row[i] = slot->row;
        w->entry[i] = slot->entry;
        w->special[specials] = (u32)i;
        specials += slot->entry != 0;
        grams += slot->grams;
        PREFETCH(w->rows + (size_t)slot->row * 2 * stride);
        PREFETCH(w->rows + (size_t)slot->row * 2 * stride + stride);
    }
    for (size_t i = 0; i < n; i++) w->unit_row[i] = word_row(k, w, i) + stride;
    add_rows(w->sums + stride, w->unit_row, n, k->lanes);
    if (specials) units = collapse(k, w, n, specials, &groups);
    if (!groups) {
        for (size_t i = 0; i < n; i++) w->unit_row[i] = word_row(k, w, i);
        memcpy(w->unit_hash, w->hash, n * sizeof *w->hash);
    }
    add_rows(w->sums, w->unit_row, units, k->lanes);
    for (size_t i = 0; i + 1 < units; i++) { /* keep the 2-grams that the table may hold, without a branch */
        u64 h = hash_pair(w->unit_hash[i], w->unit_hash[i + 1]);
        w->unit_hash[likely] = h;
        likely += table_may(&k->words, h);
    }
    for (size_t i = 0; i < likely; i++) PREFETCH(&k->words.cells[(u32)w->unit_hash[i] & k->words.mask]);
    if (specials && lexicon(k, w, s, size, n, specials, groups, counts) < 0) return -1;
    for (size_t i = 0; i < likely; i++) {
        w->unit_row[i] = feature(k, table_get(&k->words, w->unit_hash[i]));
        PREFETCH(w->unit_row[i]);
    }
    for (int b = 0; b < 3; b++) add_rows(w->sums + (size_t)(2 + b) * stride, w->added[b], counts[b], k->lanes);
    add_rows(w->sums, w->unit_row, likely, k->lanes);
    add_block(k, logits, w->sums, 2 * units - 1);
    add_block(k, logits, w->sums + stride, grams);
    for (int b = 0; b < 3; b++) add_block(k, logits, w->sums + (size_t)(2 + b) * stride, counts[b]);
    return 0;
}

static WIDE int score_all(const Kernel *k, Worker *w, const u8 *const *text, const size_t *size, const u8 *ascii,
                          Py_ssize_t count, double *out) {
    for (Py_ssize_t i = 0; i < count; i++)
        if (score(k, w, text[i], size[i], ascii[i], out + i * k->width) < 0) return -1;
    return 0;
}

/* What no scorer can do without: words cut and hashed, 2-grams hashed. */
static WIDE int score_nothing(const Kernel *k, Worker *w, const u8 *s, size_t size, int ascii, u64 *mix) {
    size_t length = normalise(k, w, s, size, ascii);
    int64_t found;
    if (length == SIZE_MAX || (found = split(w, length)) < 0) return -1;
    for (int64_t i = 0; i < found; i++) *mix ^= w->hash[i];
    for (int64_t i = 0; i + 1 < found; i++) *mix ^= hash_pair(w->hash[i], w->hash[i + 1]);
    return 0;
}

static void link_row(const Kernel *k, const double *logits, double *out) {
    int c = 0;
    for (; c < k->topics; c++) out[c] = 1.0 / (1.0 + exp(-(logits[c] > -700.0 ? logits[c] : -700.0)));
    for (int t = 0; t < k->targets; t++, c += k->stances) {
        double highest = logits[c], total = 0;
        for (int i = 1; i < k->stances; i++)
            if (logits[c + i] > highest) highest = logits[c + i];
        for (int i = 0; i < k->stances; i++) total += out[c + i] = exp(logits[c + i] - highest);
        for (int i = 0; i < k->stances; i++) out[c + i] /= total;
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
    if (w->text_size > 1 << 23) { /* it grew with one very long text: not worth keeping */
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
    failed = score_all(k, w, g->text, g->size, g->ascii, g->count, out) < 0;
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

static int read_doubles(PyObject *dict, const char *key, double **out, size_t count) {
    PyObject *given = PyDict_GetItemString(dict, key);
    Py_buffer view;
    int good;
    if (!given || PyObject_GetBuffer(given, &view, PyBUF_C_CONTIGUOUS) < 0) return -1;
    good = (size_t)view.len == count * sizeof(double) && (*out = malloc(count * sizeof(double) + 8)) != NULL;
    if (good) memcpy(*out, view.buf, (size_t)view.len);
    PyBuffer_Release(&view);
    return good ? 0 : -1;
}

/* Row numbers, or -1 for an unknown feature and -2 for none. */
static int read_ints(const Kernel *k, PyObject *dict, const char *key, int32_t **out, size_t count) {
    PyObject *given = PyDict_GetItemString(dict, key);
    Py_buffer view;
    int good;
    if (!given || PyObject_GetBuffer(given, &view, PyBUF_C_CONTIGUOUS) < 0) return -1;
    good = (size_t)view.len == count * sizeof(int32_t) && (*out = malloc(count * sizeof(int32_t) + 8)) != NULL;
    if (good) memcpy(*out, view.buf, (size_t)view.len);
    PyBuffer_Release(&view);
    for (size_t i = 0; good && i < count; i++) good = (*out)[i] >= -2 && (*out)[i] < (int64_t)k->features;
    return good ? 0 : -1;
}

static long read_long(PyObject *dict, const char *key) {
    PyObject *given = PyDict_GetItemString(dict, key);
    return given ? PyLong_AsLong(given) : -1;
}

/* Hash a key of the word block: a 2-gram is two units with a space between. */
static u64 hash_key(const u8 *p, size_t n) {
    const u8 *space = memchr(p, ' ', n);
    if (!space) return hash_bytes(p, n);
    return hash_pair(hash_bytes(p, (size_t)(space - p)), hash_bytes(space + 1, n - (size_t)(space - p) - 1));
}

/* A table of the keys in a bytes object, one a line; -1 with an exception set where two share a hash. */
static int read_keys(PyObject *dict, const char *name, Table *table, size_t *count, int pairs) {
    PyObject *given = PyDict_GetItemString(dict, name);
    char *text;
    Py_ssize_t size;
    u8 *copy;
    size_t lines = 0, from = 0;
    int failed = 0;
    if (!given || PyBytes_AsStringAndSize(given, &text, &size) < 0) return -1;
    copy = calloc((size_t)size + PAD, 1);
    if (!copy) {
        PyErr_NoMemory();
        return -1;
    }
    memcpy(copy, text, (size_t)size);
    if (size) lines = 1;
    for (Py_ssize_t i = 0; i < size; i++) lines += copy[i] == '\n';
    if (table_init(table, lines) < 0) {
        PyErr_NoMemory();
        failed = 1;
    }
    for (size_t i = 0; i < lines && !failed; i++) {
        const u8 *end = memchr(copy + from, '\n', (size_t)size - from);
        size_t n = end ? (size_t)(end - copy) - from : (size_t)size - from;
        u64 h = pairs ? hash_key(copy + from, n) : hash_bytes(copy + from, n);
        if (table_add(table, h) < 0) {
            PyErr_Format(PyExc_ValueError, "a key occurs twice");
            failed = 1;
        }
        from += n + 1;
    }
    free(copy);
    *count = lines;
    return failed ? -1 : 0;
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
        if (PyBytes_AsStringAndSize(PyTuple_GetItem(PyList_GetItem(list, i), 2), &text, &size) < 0) return -1;
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
    k->phrase_count = (int)count;
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *row = PyList_GetItem(list, i);
        long kind = PyLong_AsLong(PyTuple_GetItem(row, 0)), id = PyLong_AsLong(PyTuple_GetItem(row, 1));
        Phrase *phrase = &k->phrases[i];
        char *text;
        Py_ssize_t size;
        size_t from = 0;
        if (PyErr_Occurred() || PyBytes_AsStringAndSize(PyTuple_GetItem(row, 2), &text, &size) < 0) return -1;
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
    free(k->rows_block);
    free(k->bias);
    free(k->thresholds);
    free(k->blank);
    table_free(&k->words);
    table_free(&k->grams);
    free(k->phrase_text);
    free(k->parts);
    free(k->phrases);
    starts_free(&k->aliases);
    starts_free(&k->exact);
    starts_free(&k->prefix);
    free(k->group_hash);
    free(k->context_mask);
    free((void *)k->group_row);
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
    for (int i = 0; i < 3; i++) {
        k->names[i] = PyDict_GetItemString(spec, names[i]);
        if (!k->names[i] || !PyTuple_Check(k->names[i])) {
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

/* A half-precision number; infinities and NaN come out as infinity. */
INLINE float half(u16 bits) {
    u32 sign = (u32)(bits & 0x8000) << 16, exponent = bits >> 10 & 31, fraction = bits & 1023, word;
    float value;
    if (exponent == 31) return INFINITY;
    if (!exponent) { /* zero or subnormal: a multiple of 2 to the power of -24 */
        value = (float)fraction * 5.9604644775390625e-8f;
        return sign ? -value : value;
    }
    word = sign | (exponent + 112) << 23 | fraction << 13;
    memcpy(&value, &word, sizeof value);
    return value;
}

/* The blocks' weights, one after the other. */
static int read_rows(Kernel *k, PyObject *list) {
    size_t width = (size_t)k->width, stride = (size_t)k->stride, at = 0;
    Py_ssize_t blocks = list ? PyList_Size(list) : -1;
    int finite = 1;
    if (blocks < 0) return -1;
    for (Py_ssize_t b = 0; b < blocks; b++) {
        Py_ssize_t size = PyBytes_Size(PyList_GetItem(list, b));
        if (size < 0) return -1;
        k->features += (size_t)size / (2 * width);
    }
    k->rows = aligned_floats((k->features + 1) * stride, &k->rows_block);
    if (!k->rows) {
        PyErr_NoMemory();
        return -1;
    }
    memset(k->rows + k->features * stride, 0, stride * sizeof(float));
    for (Py_ssize_t b = 0; b < blocks; b++) {
        const u8 *from = (const u8 *)PyBytes_AsString(PyList_GetItem(list, b));
        size_t rows = (size_t)PyBytes_Size(PyList_GetItem(list, b)) / (2 * width);
        for (size_t i = 0; i < rows; i++, at++) {
            float *row = k->rows + at * stride;
            for (size_t c = 0; c < width; c++, from += 2) {
                row[c] = half((u16)(from[0] | from[1] << 8));
                finite &= row[c] != INFINITY;
            }
            memset(row + width, 0, (stride - width) * sizeof(float));
        }
    }
    if (finite) return 0;
    PyErr_SetString(PyExc_ValueError, "a weight is not a finite number");
    return -1;
}

static int read_groups(Kernel *k, PyObject *tokens, PyObject *masks) {
    size_t groups = (size_t)k->groups, contexts = (size_t)k->contexts;
    if (!tokens || !masks || PyList_Size(tokens) != k->groups || PyList_Size(masks) != k->contexts) return -1;
    k->group_hash = malloc((groups + 1) * sizeof *k->group_hash);
    k->group_row = malloc((groups + 1) * sizeof *k->group_row);
    k->context_mask = malloc((contexts + 1) * sizeof *k->context_mask);
    if (!k->group_hash || !k->group_row || !k->context_mask) {
        PyErr_NoMemory();
        return -1;
    }
    for (int g = 0; g < k->groups; g++) {
        char *text;
        Py_ssize_t size;
        u8 *copy;
        if (PyBytes_AsStringAndSize(PyList_GetItem(tokens, g), &text, &size) < 0) return -1;
        copy = calloc((size_t)size + PAD, 1);
        if (!copy) return -1;
        memcpy(copy, text, (size_t)size);
        k->group_hash[g] = hash_bytes(copy, (size_t)size);
        k->group_row[g] = feature(k, table_get(&k->words, k->group_hash[g]));
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
    k->topics = (int)read_long(spec, "topics");
    k->targets = (int)read_long(spec, "targets");
    k->stances = (int)read_long(spec, "stances");
    k->neutral = (int)read_long(spec, "neutral");
    k->char_min = (int)read_long(spec, "char_min");
    k->char_max = (int)read_long(spec, "char_max");
    k->cues = (int)read_long(spec, "cues");
    k->groups = (int)read_long(spec, "groups");
    k->contexts = (int)read_long(spec, "contexts");
    k->width = k->topics + k->targets * k->stances;
    k->lanes = (k->width + 3) / 4 * 4;
    k->stride = k->width <= 4 ? 4 : k->width <= 8 ? 8 : (k->width + 15) / 16 * 16;
    if (k->topics < 0 || k->targets < 0 || k->stances < 1 || k->width < 1 || k->width > 256 || k->groups < 0 ||
        k->groups > 64 || k->contexts < 0 || k->contexts > 64 || k->cues < 0 || k->char_min < 1 || k->char_max > 9) {
        if (!PyErr_Occurred()) PyErr_SetString(PyExc_ValueError, "a model of this shape is beyond the kernel");
        Py_DECREF(k);
        return NULL;
    }
    cues = (size_t)k->cues, groups = (size_t)k->groups, contexts = (size_t)k->contexts;
    if (read_keys(spec, "word_keys", &k->words, &k->word_count, 1) < 0 ||
        read_keys(spec, "char_keys", &k->grams, &k->char_count, 0) < 0 || read_rows(k, PyDict_GetItemString(spec, "halves")) < 0 ||
        read_doubles(spec, "bias", &k->bias, (size_t)k->width) < 0 ||
        read_doubles(spec, "thresholds", &k->thresholds, (size_t)k->width) < 0 ||
        read_doubles(spec, "blank", &k->blank, (size_t)k->width) < 0 ||
        read_phrases(k, PyDict_GetItemString(spec, "phrases")) < 0 ||
        read_groups(k, PyDict_GetItemString(spec, "group_tokens"), PyDict_GetItemString(spec, "context_masks")) < 0 ||
        read_ints(k, spec, "lexicon_rows", &k->lexicon_row, 4 * cues) < 0 ||
        read_ints(k, spec, "context_rows", &k->context_row, contexts * 4 * cues) < 0 ||
        read_ints(k, spec, "pair_rows", &k->pair_row, groups * groups) < 0 ||
        read_ints(k, spec, "presence_rows", &k->presence_row, groups + contexts) < 0 || read_names(k, spec) < 0 ||
        k->word_count + k->char_count > k->features) {
        if (!PyErr_Occurred()) PyErr_SetString(PyExc_ValueError, "the parts of the kernel's model do not fit together");
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

/* ---- sparse times dense, for training --------------------------------------------------------------------------- */

typedef struct {
    const int32_t *starts, *columns;
    const float *values, *dense;
    float *out;
    size_t rows;
} Product;

/* The sums are of single products in the order of the row, as scipy's are, so that both give the same bytes. */
INLINE void multiply_by(const Product *m, const size_t width) {
    for (size_t i = 0; i < m->rows; i++) {
        float *out = m->out + i * width, sum[16] = {0};
        for (int32_t j = m->starts[i]; j < m->starts[i + 1]; j++) {
            const float value = m->values[j], *row = m->dense + (size_t)m->columns[j] * width;
            for (size_t c = 0; c < width; c++) sum[c] += value * row[c];
        }
        memcpy(out, sum, width * sizeof *out);
    }
}

static WIDE void multiply_rows(const Product *m, size_t width) {
    switch (width) { /* each its own copy, unrolled */
        case 1: multiply_by(m, 1); break;
        case 2: multiply_by(m, 2); break;
        case 3: multiply_by(m, 3); break;
        case 4: multiply_by(m, 4); break;
        case 5: multiply_by(m, 5); break;
        case 6: multiply_by(m, 6); break;
        case 7: multiply_by(m, 7); break;
        case 8: multiply_by(m, 8); break;
        case 9: multiply_by(m, 9); break;
        case 10: multiply_by(m, 10); break;
        case 12: multiply_by(m, 12); break;
        case 16: multiply_by(m, 16); break;
        default: multiply_by(m, width);
    }
}

static PyObject *module_multiply(PyObject *module, PyObject *args) {
    PyObject *given[5];
    Py_buffer view[5];
    Py_ssize_t columns, width, got = 0;
    Product m;
    int good;
    (void)module;
    if (!PyArg_ParseTuple(args, "OOOOOnn", &given[0], &given[1], &given[2], &given[3], &given[4], &columns, &width))
        return NULL;
    for (; got < 5; got++)
        if (PyObject_GetBuffer(given[got], &view[got], PyBUF_C_CONTIGUOUS | (got == 4 ? PyBUF_WRITABLE : 0)) < 0) break;
    if (got < 5) {
        while (got > 0) PyBuffer_Release(&view[--got]);
        return NULL;
    }
    m.starts = view[0].buf;
    m.columns = view[1].buf;
    m.values = view[2].buf;
    m.dense = view[3].buf;
    m.out = view[4].buf;
    m.rows = (size_t)view[0].len / sizeof(int32_t) - 1;
    good = view[0].len >= 4 && width >= 1 && width <= 16 && columns >= 0 && m.starts[0] == 0 &&
           view[1].len == (Py_ssize_t)m.starts[m.rows] * 4 && view[2].len == view[1].len &&
           view[3].len == columns * width * 4 && view[4].len == (Py_ssize_t)m.rows * width * 4;
    for (size_t i = 0; good && i < m.rows; i++) good = m.starts[i] <= m.starts[i + 1];
    for (int32_t j = 0; good && j < m.starts[m.rows]; j++) good = m.columns[j] >= 0 && m.columns[j] < columns;
    if (good) {
        Py_BEGIN_ALLOW_THREADS
        multiply_rows(&m, (size_t)width);
        Py_END_ALLOW_THREADS
    }
    for (got = 0; got < 5; got++) PyBuffer_Release(&view[got]);
    if (good) return Py_NewRef(Py_None);
    PyErr_SetString(PyExc_ValueError, "the parts of the product do not fit together");
    return NULL;
}

static PyMethodDef module_methods[] = {
    {"hash64", module_hash, METH_VARARGS, "hash64(bytes): the 64-bit hash of a key."},
    {"hash_pair", module_hash_pair, METH_VARARGS, "hash_pair(left, right): the hash of a 2-gram."},
    {"multiply", module_multiply, METH_VARARGS, "multiply(starts, columns, values, dense, out, columns, width)."},
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
