/* NEON, for 64-bit ARM: 16 bytes at a time. As in x86.c, the last vector is
 * done over bytes that may be done already. */
#include "internal.h"

#if C16_NEON
#include <arm_neon.h>

static inline void encode_16(const uint8_t *src, uint8_t *dst)
{
    uint8x16_t raw = vld1q_u8(src);
    uint8x16x2_t text; /* stored with its vectors interleaved */
    text.val[0] = vaddq_u8(vandq_u8(raw, vdupq_n_u8(15)), vdupq_n_u8('A'));
    text.val[1] = vaddq_u8(vshrq_n_u8(raw, 4), vdupq_n_u8('A'));
    vst2q_u8(dst, text);
}

/* Returns the halves' union: above 15 where a character is wrong. */
static inline uint8x16_t decode_16(const uint8_t *src, uint8_t *dst)
{
    uint8x16x2_t text = vld2q_u8(src);
    uint8x16_t low = vsubq_u8(text.val[0], vdupq_n_u8('A'));
    uint8x16_t high = vsubq_u8(text.val[1], vdupq_n_u8('A'));
    vst1q_u8(dst, vsliq_n_u8(low, high, 4)); /* high, shifted, over low's upper half */
    return vorrq_u8(low, high);
}

static size_t encode(const uint8_t *src, size_t n, uint8_t *dst)
{
    if (n < 16)
        return c16_scalar.encode(src, n, dst);
    for (size_t at = 0; at < n - 16; at += 16)
        encode_16(src + at, dst + 2 * at);
    encode_16(src + n - 16, dst + 2 * (n - 16));
    return 2 * n;
}

static int decode(const uint8_t *src, size_t n, uint8_t *dst, size_t *bad_at)
{
    size_t bytes = n / 2;
    if (bytes < 16 || n % 2 != 0)
        return c16_scalar.decode(src, n, dst, bad_at);
    uint8x16_t seen = decode_16(src + n - 32, dst + bytes - 16);
    for (size_t at = 0; at < bytes - 16; at += 16)
        seen = vorrq_u8(seen, decode_16(src + 2 * at, dst + at));
    return vmaxvq_u8(seen) < 16 ? C16_OK : c16_refuse(src, n, bad_at);
}

const c16_impl c16_neon = {"neon", encode, decode};

#endif
