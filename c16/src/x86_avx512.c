/* AVX-512 (F, BW, VL, VBMI): 64 bytes at a time. Up to 32 bytes are one vector
 * with masked loads and stores; more end, as in x86.c, with a last vector over
 * bytes that may be done already. A long text first steps up to where its wide
 * side (the characters) begins a cache line: an access across two lines costs
 * twice. */
#include "internal.h"

#if C16_X86
#include <immintrin.h>

#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi,bmi2")))

/* From this many bytes on the step up to a cache line pays. */
#define ALIGN_FROM_BYTES 512

/* Bytes until the characters at text begin a cache line; each is two of them,
 * so an odd address never gets there, which costs speed only. */
static inline size_t bytes_to_line(const uint8_t *text)
{
    return (size_t)(-(uintptr_t)text & 63) / 2;
}

/* The lowest count bits, for count up to 32. */
static inline __mmask32 first(size_t count)
{
    return (__mmask32)((UINT64_C(1) << count) - 1);
}

/* ---- Encoding ---------------------------------------------------------- */

AVX512 static inline __m512i characters(__m256i raw)
{
    __m512i wide = _mm512_cvtepu8_epi16(raw);
    /* 0x00HL to 0x0H0L: (wide | wide << 4) & mask in one instruction. */
    wide = _mm512_ternarylogic_epi32(wide, _mm512_slli_epi16(wide, 4), _mm512_set1_epi8(15), 0xA8);
    return _mm512_add_epi8(wide, _mm512_set1_epi8('A'));
}

AVX512 static inline void encode_32(const uint8_t *src, uint8_t *dst)
{
    _mm512_storeu_si512(dst, characters(_mm256_loadu_si256((const __m256i *)src)));
}

AVX512 static inline void encode_64(const uint8_t *src, uint8_t *dst)
{
    encode_32(src, dst);
    encode_32(src + 32, dst + 64);
}

AVX512 static size_t encode(const uint8_t *src, size_t n, uint8_t *dst)
{
    if (n <= 32) {
        __mmask32 mask = first(n);
        _mm512_mask_storeu_epi16(dst, mask, characters(_mm256_maskz_loadu_epi8(mask, src)));
        return 2 * n;
    }
    size_t at = 0;
    if (n >= ALIGN_FROM_BYTES) {
        encode_32(src, dst);
        at = bytes_to_line(dst);
    }
    for (; n - at > 64; at += 64)
        encode_64(src + at, dst + 2 * at);
    if (n - at > 32)
        encode_32(src + at, dst + 2 * at);
    encode_32(src + n - 32, dst + 2 * (n - 32));
    return 2 * n;
}

/* ---- Decoding ---------------------------------------------------------- */

/* Characters to halves; a bit above the low four is a wrong character. */
AVX512 static inline __m512i halves(__m512i text)
{
    return _mm512_sub_epi8(text, _mm512_set1_epi8('A'));
}

/* Halves to bytes: each 16-bit lane becomes low * 1 + high * 16. */
AVX512 static inline __m512i joined(__m512i pairs)
{
    return _mm512_maddubs_epi16(pairs, _mm512_set1_epi16(0x1001));
}

/* These two return the union of the halves they met. */

AVX512 static inline __m512i decode_32(const uint8_t *src, uint8_t *dst)
{
    __m512i pairs = halves(_mm512_loadu_si512(src));
    _mm256_storeu_si256((__m256i *)dst, _mm512_cvtepi16_epi8(joined(pairs)));
    return pairs;
}

AVX512 static inline __m512i decode_64(const uint8_t *src, uint8_t *dst, __m512i even)
{
    __m512i a = halves(_mm512_loadu_si512(src));
    __m512i b = halves(_mm512_loadu_si512(src + 64));
    _mm512_storeu_si512(dst, _mm512_permutex2var_epi8(joined(a), even, joined(b)));
    return _mm512_or_si512(a, b);
}

/* Every second byte of two vectors: the low byte of each 16-bit lane. */
static const uint8_t EVEN_BYTES[64] = {
    0,  2,  4,  6,  8,  10, 12, 14, 16, 18,  20,  22,  24,  26,  28,  30,  32,  34,  36,  38,  40, 42,
    44, 46, 48, 50, 52, 54, 56, 58, 60, 62,  64,  66,  68,  70,  72,  74,  76,  78,  80,  82,  84, 86,
    88, 90, 92, 94, 96, 98, 100, 102, 104, 106, 108, 110, 112, 114, 116, 118, 120, 122, 124, 126,
};

/* C16_OK if no bit above the low four was seen. */
#define ANSWER(seen)                                                                               \
    (_mm512_test_epi8_mask(seen, _mm512_set1_epi8((char)0xF0)) == 0 ? C16_OK                      \
                                                                    : c16_refuse(src, n, bad_at))

AVX512 static int decode(const uint8_t *src, size_t n, uint8_t *dst, size_t *bad_at)
{
    size_t bytes = n / 2;
    if (n % 2 != 0)
        return c16_refuse(src, n, bad_at);
    if (bytes <= 32) {
        __mmask32 mask = first(bytes);
        /* What is masked out reads as 'A', which is right. */
        __m512i text = _mm512_mask_loadu_epi16(_mm512_set1_epi8('A'), mask, src);
        __m512i pairs = halves(text);
        _mm256_mask_storeu_epi8(dst, mask, _mm512_cvtepi16_epi8(joined(pairs)));
        return ANSWER(pairs);
    }
    __m512i seen = decode_32(src + n - 64, dst + bytes - 32);
    size_t at = 0;
    if (bytes > 64) {
        const __m512i even = _mm512_loadu_si512(EVEN_BYTES);
        if (bytes >= ALIGN_FROM_BYTES) {
            seen = _mm512_or_si512(seen, decode_32(src, dst));
            at = bytes_to_line(src);
        }
        for (; bytes - at > 64; at += 64)
            seen = _mm512_or_si512(seen, decode_64(src + 2 * at, dst + at, even));
    }
    if (bytes - at > 32)
        seen = _mm512_or_si512(seen, decode_32(src + 2 * at, dst + at));
    return ANSWER(seen);
}

const c16_impl c16_avx512 = {"avx512", encode, decode};

#endif
