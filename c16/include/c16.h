/* C16: any bytes as plain letters.
 *
 * Each byte becomes two characters, the low half (nibble) first, each half
 * added to 'A'. The alphabet is therefore 'A'..'P': 0x41 is "BE", 0xFF is "PP".
 *
 * Nothing here keeps state or takes a lock; every function may be called from
 * any thread. Source and destination must not overlap. */
#ifndef C16_H
#define C16_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Buffers ---------------------------------------------------------- */

/* What a decode answers. */
enum {
    C16_OK = 0,
    C16_ODD_LENGTH = 1,   /* the text ends in the middle of a byte */
    C16_BAD_CHARACTER = 2 /* a character outside 'A'..'P' */
};

/* Writes the text of n bytes to dst, which has room for 2 * n characters (no
 * NUL is added). Returns the number of characters written, 2 * n. */
size_t c16_encode(const uint8_t *src, size_t n, uint8_t *dst);

/* Writes the n / 2 bytes that the n characters at src stand for to dst and
 * returns C16_OK. Anything else means that the text is wrong: dst then holds
 * nothing of use (though never more than n / 2 bytes are touched), and *bad_at
 * is the offset of the first wrong character, or n for an odd length, which is
 * looked at first. bad_at may be NULL and is left alone on C16_OK. */
int c16_decode(const uint8_t *src, size_t n, uint8_t *dst, size_t *bad_at);

/* ---- The implementations, one by one (for tests and self-tests) -------- */

typedef struct c16_impl c16_impl;

/* The implementation of a level: 0 is plain C and always there, each further
 * one is wider. NULL from the first level that this processor does not have. */
const c16_impl *c16_impl_at(size_t level);

/* The one that c16_encode and c16_decode use: the widest there is. */
const c16_impl *c16_impl_in_use(void);

/* Its name, such as "scalar" or "avx2". */
const char *c16_impl_name(const c16_impl *impl);

/* As c16_encode and c16_decode, by the implementation named. */
size_t c16_encode_with(const c16_impl *impl, const uint8_t *src, size_t n, uint8_t *dst);
int c16_decode_with(const c16_impl *impl, const uint8_t *src, size_t n, uint8_t *dst,
                    size_t *bad_at);

/* ---- The original's interface: one character at a time ----------------- */

/* Two bytes of a number below 65,536. A is the low one. */
typedef struct {
    char A;
    char B;
} pair;

/* The two characters of the byte at in, NUL-terminated. The caller frees the
 * result. NULL when in is NULL or memory is out. */
char *encode_B(char *in);

/* The byte that the two characters at in stand for, followed by a NUL. The
 * caller frees the result. NULL when in is NULL, when either character is not
 * in 'A'..'P', or when memory is out. */
char *decode_B(char *in);

/* The number 0..65535 of a pair, and the pair of a number's low 16 bits. */
int pairint(pair p);
pair intpair(int number);

#ifdef __cplusplus
}
#endif

#endif
