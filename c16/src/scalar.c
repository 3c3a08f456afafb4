/* Plain C: four bytes and eight characters at a time in one 64-bit word, on
 * any processor. The wider implementations leave short inputs to this one. */
#include "internal.h"

#include <string.h>

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* A word of `bytes` bytes of memory, and back: the first is the lowest in the
 * word, whatever the machine's own order. */
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
static inline uint64_t load(const uint8_t *src, size_t bytes)
{
    uint64_t word = 0;
    memcpy(&word, src, bytes);
    return word;
}

static inline void store(uint8_t *dst, uint64_t word, size_t bytes)
{
    memcpy(dst, &word, bytes);
}
#else
static inline uint64_t load(const uint8_t *src, size_t bytes)
{
    uint64_t word = 0;
    for (size_t i = 0; i < bytes; i++)
        word |= (uint64_t)src[i] << (8 * i);
    return word;
}

static inline void store(uint8_t *dst, uint64_t word, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        dst[i] = (uint8_t)(word >> (8 * i));
}
#endif

static size_t encode(const uint8_t *src, size_t n, uint8_t *dst)
{
    size_t done = 0;
    for (; n - done >= 4; done += 4) {
        uint64_t word = load(src + done, 4);
        /* Move the halves apart until each has a byte of its own. */
        word = (word | word << 16) & UINT64_C(0x0000FFFF0000FFFF);
        word = (word | word << 8) & UINT64_C(0x00FF00FF00FF00FF);
        word = (word | word << 4) & EACH(0x0F);
        store(dst + 2 * done, word + EACH('A'), 8);
    }
    for (; done < n; done++) {
        dst[2 * done] = (uint8_t)('A' + (src[done] & 15));
        dst[2 * done + 1] = (uint8_t)('A' + (src[done] >> 4));
    }
    return 2 * n;
}

static int decode(const uint8_t *src, size_t n, uint8_t *dst, size_t *bad_at)
{
    if (n % 2 != 0)
        return c16_refuse(src, n, bad_at);
    size_t bytes = n / 2;
    size_t done = 0;
    uint64_t wrong = 0;
    for (; bytes - done >= 4; done += 4) {
        uint64_t word = load(src + 2 * done, 8);
        /* 'A'..'P' plus 0x3F is 0x80..0x8F. Without its top bit no character
         * can carry into its neighbour; a top bit is wrong in any case. */
        uint64_t sum = (word & EACH(0x7F)) + EACH(0x80 - 'A');
        wrong |= (word & EACH(0x80)) | ((sum & EACH(0xF0)) ^ EACH(0x80));
        word = sum & EACH(0x0F);
        word = (word | word >> 4) & UINT64_C(0x00FF00FF00FF00FF);
        word = (word | word >> 8) & UINT64_C(0x0000FFFF0000FFFF);
        word = word | word >> 16;
        store(dst + done, word, 4);
    }
    for (; done < bytes; done++) {
        unsigned low = c16_half(src[2 * done]);
        unsigned high = c16_half(src[2 * done + 1]);
        wrong |= (low | high) & 0xF0;
        dst[done] = (uint8_t)(low | high << 4);
    }
    return wrong == 0 ? C16_OK : c16_refuse(src, n, bad_at);
}

const c16_impl c16_scalar = {"scalar", encode, decode};
