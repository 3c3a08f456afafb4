/* AVX-512 (F, BW, VL, VBMI): 64 bytes at a time. What does not fill a vector
 * goes through masked loads and stores, so short inputs are as direct as long
 * ones, and a long one first steps up to where its wide side (the characters)
 * begins a cache line: an access across two lines costs twice. */
#include "internal.h"

#if C16_X86
#include <immintrin.h>

#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi")))

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

/* As encode_32, for the first count bytes (at most 32). */
AVX512 static inline void encode_some(const uint8_t *src, size_t count, uint8_t *dst)
{
    __mmask32 mask = first(count);
    _mm512_mask_storeu_epi16(dst, mask, characters(_mm256_maskz_loadu_epi8(mask, src)));
}

AVX512 static void encode(const uint8_t *src, size_t n, uint8_t *dst)
{
    size_t done = 0;
    if (n >= ALIGN_FROM_BYTES) {
        done = bytes_to_line(dst);
        encode_some(src, done, dst);
    }
    for (; n - done >= 64; done += 64) {
        encode_32(src + done, dst + 2 * done);
        encode_32(src + done + 32, dst + 2 * done + 64);
    }
    if (n - done >= 32) {
        encode_32(src + done, dst + 2 * done);
        done += 32;
    }
    if (done < n)
        encode_some(src + done, n - done, dst + 2 * done);
}

/* Halves to bytes: each 16-bit lane becomes low * 1 + high * 16. */
AVX512 static inline __m512i joined(__m512i halves)
{
    return _mm512_maddubs_epi16(halves, _mm512_set1_epi16(0x1001));
}

/* For the first count bytes (at most 32); returns the halves. */
AVX512 static inline __m512i decode_some(const uint8_t *src, size_t count, uint8_t *dst)
{
    __mmask32 mask = first(count);
    __m512i base = _mm512_maskz_set1_epi16(mask, 'A' << 8 | 'A');
    __m512i halves = _mm512_sub_epi8(_mm512_maskz_loadu_epi16(mask, src), base);
    _mm256_mask_storeu_epi8(dst, mask, _mm512_cvtepi16_epi8(joined(halves)));
    return halves;
}

/* Every second byte of two vectors: the low byte of each 16-bit lane. */
static const uint8_t EVEN_BYTES[64] = {
    0,  2,  4,  6,  8,  10, 12, 14, 16, 18,  20,  22,  24,  26,  28,  30,  32,  34,  36,  38,  40, 42,
    44, 46, 48, 50, 52, 54, 56, 58, 60, 62,  64,  66,  68,  70,  72,  74,  76,  78,  80,  82,  84, 86,
    88, 90, 92, 94, 96, 98, 100, 102, 104, 106, 108, 110, 112, 114, 116, 118, 120, 122, 124, 126,
};

AVX512 static int decode(const uint8_t *src, size_t n, uint8_t *dst)
{
    const __m512i base = _mm512_set1_epi8('A');
    const __m512i even = _mm512_loadu_si512(EVEN_BYTES);
    __m512i seen = _mm512_setzero_si512();
    size_t done = 0;
    if (n >= ALIGN_FROM_BYTES) {
        done = bytes_to_line(src);
        seen = decode_some(src, done, dst);
    }
    for (; n - done >= 64; done += 64) {
        __m512i a = _mm512_sub_epi8(_mm512_loadu_si512(src + 2 * done), base);
        __m512i b = _mm512_sub_epi8(_mm512_loadu_si512(src + 2 * done + 64), base);
        seen = _mm512_ternarylogic_epi32(seen, a, b, 0xFE); /* seen | a | b */
        _mm512_storeu_si512(dst + done, _mm512_permutex2var_epi8(joined(a), even, joined(b)));
    }
    while (done < n) {
        size_t count = n - done < 32 ? n - done : 32;
        seen = _mm512_or_si512(seen, decode_some(src + 2 * done, count, dst + done));
        done += count;
    }
    return _mm512_test_epi8_mask(seen, _mm512_set1_epi8((char)0xF0)) == 0;
}

const c16_impl c16_avx512 = {"avx512", encode, decode};

#endif
