/* What the sources share and a caller does not see. */
#ifndef C16_INTERNAL_H
#define C16_INTERNAL_H

#include "c16.h"

/* The x86 files need the compiler's per-function targets and its processor
 * probe. Define C16_SCALAR_ONLY to build without any of the wider ones. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(C16_SCALAR_ONLY)
#define C16_X86 1
#else
#define C16_X86 0
#endif

#if defined(__aarch64__) && defined(__ARM_NEON) && !defined(C16_SCALAR_ONLY)
#define C16_NEON 1
#else
#define C16_NEON 0
#endif

/* Keeps a name out of the shared library's exports. */
#if defined(__GNUC__) && !defined(_WIN32)
#define C16_HIDDEN __attribute__((visibility("hidden")))
#else
#define C16_HIDDEN
#endif

/* One way to do the work. Both functions promise what c16_encode and
 * c16_decode promise, to the letter: those two only jump here, since for a
 * short text the way to the work costs as much as the work. */
typedef size_t c16_encode_fn(const uint8_t *src, size_t n, uint8_t *dst);
typedef int c16_decode_fn(const uint8_t *src, size_t n, uint8_t *dst, size_t *bad_at);

struct c16_impl {
    const char *name;
    c16_encode_fn *encode;
    c16_decode_fn *decode;
};

extern const c16_impl c16_scalar C16_HIDDEN;

/* How a decode ends that met an odd length or a wrong character: looks where
 * the first one is. The loops for good text carry no branch that would tell. */
C16_HIDDEN int c16_refuse(const uint8_t *src, size_t n, size_t *bad_at);

/* A character's half byte, 0..15; above 15 when it is not in 'A'..'P'. */
static inline uint8_t c16_half(uint8_t character)
{
    return (uint8_t)(character - 'A');
}

#if C16_X86
extern const c16_impl c16_sse41 C16_HIDDEN;
extern const c16_impl c16_avx2 C16_HIDDEN;
extern const c16_impl c16_avx512 C16_HIDDEN;

/* How many of the three above this processor and its system support, counted
 * from the first: none is offered above one that is missing. */
C16_HIDDEN size_t c16_x86_levels(void);
#endif

#if C16_NEON
/* Part of every 64-bit ARM processor: nothing to probe. */
extern const c16_impl c16_neon C16_HIDDEN;
#endif

#endif
