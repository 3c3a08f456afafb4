/* What the sources share and a caller does not see. */
#ifndef C16_INTERNAL_H
#define C16_INTERNAL_H

#include "c16.h"

/* The x86 files need the compiler's per-function targets and its processor
 * probe. Define C16_SCALAR_ONLY to build without them. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(C16_SCALAR_ONLY)
#define C16_X86 1
#else
#define C16_X86 0
#endif

/* Keeps a name out of the shared library's exports. */
#if defined(__GNUC__) && !defined(_WIN32)
#define C16_HIDDEN __attribute__((visibility("hidden")))
#else
#define C16_HIDDEN
#endif

/* One way to do the work. Both functions count in raw bytes: n bytes on the
 * one side are 2 * n characters on the other. decode says whether every
 * character was valid (1) or not (0); where the wrong one is, is found
 * afterwards, so that the loops for good text carry no branch. */
struct c16_impl {
    const char *name;
    void (*encode)(const uint8_t *src, size_t n, uint8_t *dst);
    int (*decode)(const uint8_t *src, size_t n, uint8_t *dst);
};

extern const c16_impl c16_scalar C16_HIDDEN;

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

#endif
