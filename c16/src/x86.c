/* SSE4.1 and AVX2, by target attributes, so that no compiler flag is needed.
 *
 * Both do the last whole vector of the input whatever comes before it, over
 * bytes that may be done already: the same values are written again, and no
 * loop over single bytes is left. */
#include "internal.h"

#if C16_X86
#include <immintrin.h>

size_t c16_x86_levels(void)
{
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("sse4.1"))
        return 0;
    if (!__builtin_cpu_supports("avx2"))
        return 1;
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
        !__builtin_cpu_supports("avx512vl") || !__builtin_cpu_supports("avx512vbmi") ||
        !__builtin_cpu_supports("bmi2"))
        return 2;
    return 3;
}

/* ---- SSE4.1: 16 bytes at a time ---------------------------------------- */

#define SSE41 __attribute__((target("sse4.1")))

SSE41 static inline void encode_16(const uint8_t *src, uint8_t *dst)
{
    const __m128i mask = _mm_set1_epi8(15);
    const __m128i base = _mm_set1_epi8('A');
    __m128i raw = _mm_loadu_si128((const __m128i *)src);
    __m128i low = _mm_add_epi8(_mm_and_si128(raw, mask), base);
    __m128i high = _mm_add_epi8(_mm_and_si128(_mm_srli_epi16(raw, 4), mask), base);
    _mm_storeu_si128((__m128i *)dst, _mm_unpacklo_epi8(low, high));
    _mm_storeu_si128((__m128i *)(dst + 16), _mm_unpackhi_epi8(low, high));
}

/* Returns the halves' union: a bit above the low four is a wrong character. */
SSE41 static inline __m128i decode_16(const uint8_t *src, uint8_t *dst)
{
    const __m128i base = _mm_set1_epi8('A');
    const __m128i weights = _mm_set1_epi16(0x1001); /* low * 1 + high * 16 */
    __m128i a = _mm_sub_epi8(_mm_loadu_si128((const __m128i *)src), base);
    __m128i b = _mm_sub_epi8(_mm_loadu_si128((const __m128i *)(src + 16)), base);
    __m128i bytes = _mm_packus_epi16(_mm_maddubs_epi16(a, weights), _mm_maddubs_epi16(b, weights));
    _mm_storeu_si128((__m128i *)dst, bytes);
    return _mm_or_si128(a, b);
}

SSE41 static size_t sse41_encode(const uint8_t *src, size_t n, uint8_t *dst)
{
    if (n < 16)
        return c16_scalar.encode(src, n, dst);
    for (size_t at = 0; at < n - 16; at += 16)
        encode_16(src + at, dst + 2 * at);
    encode_16(src + n - 16, dst + 2 * (n - 16));
    return 2 * n;
}

SSE41 static int sse41_decode(const uint8_t *src, size_t n, uint8_t *dst, size_t *bad_at)
{
    size_t bytes = n / 2;
    if (bytes < 16 || n % 2 != 0)
        return c16_scalar.decode(src, n, dst, bad_at);
    __m128i seen = decode_16(src + n - 32, dst + bytes - 16);
    for (size_t at = 0; at < bytes - 16; at += 16)
        seen = _mm_or_si128(seen, decode_16(src + 2 * at, dst + at));
    if (_mm_testz_si128(seen, _mm_set1_epi8((char)0xF0)))
        return C16_OK;
    return c16_refuse(src, n, bad_at);
}

const c16_impl c16_sse41 = {"sse4.1", sse41_encode, sse41_decode};

/* ---- AVX2: 32 bytes at a time ------------------------------------------ */

#define AVX2 __attribute__((target("avx2")))

AVX2 static inline void encode_half_32(const uint8_t *src, uint8_t *dst)
{
    const __m256i mask = _mm256_set1_epi8(15);
    const __m256i base = _mm256_set1_epi8('A');
    /* 0x00HL in 16 bits, or-ed with itself times 16, masked: 0x0H0L. */
    __m256i wide = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)src));
    wide = _mm256_and_si256(_mm256_or_si256(wide, _mm256_slli_epi16(wide, 4)), mask);
    _mm256_storeu_si256((__m256i *)dst, _mm256_add_epi8(wide, base));
}

AVX2 static inline void encode_32(const uint8_t *src, uint8_t *dst)
{
    encode_half_32(src, dst);
    encode_half_32(src + 16, dst + 32);
}

AVX2 static inline __m256i decode_32(const uint8_t *src, uint8_t *dst)
{
    const __m256i base = _mm256_set1_epi8('A');
    const __m256i weights = _mm256_set1_epi16(0x1001);
    __m256i a = _mm256_sub_epi8(_mm256_loadu_si256((const __m256i *)src), base);
    __m256i b = _mm256_sub_epi8(_mm256_loadu_si256((const __m256i *)(src + 32)), base);
    __m256i bytes = _mm256_packus_epi16(_mm256_maddubs_epi16(a, weights),
                                        _mm256_maddubs_epi16(b, weights));
    /* The pack works within each half of the vector: put the quarters in order. */
    bytes = _mm256_permute4x64_epi64(bytes, _MM_SHUFFLE(3, 1, 2, 0));
    _mm256_storeu_si256((__m256i *)dst, bytes);
    return _mm256_or_si256(a, b);
}

AVX2 static size_t avx2_encode(const uint8_t *src, size_t n, uint8_t *dst)
{
    if (n < 32)
        return c16_sse41.encode(src, n, dst);
    for (size_t at = 0; at < n - 32; at += 32)
        encode_32(src + at, dst + 2 * at);
    encode_32(src + n - 32, dst + 2 * (n - 32));
    return 2 * n;
}

AVX2 static int avx2_decode(const uint8_t *src, size_t n, uint8_t *dst, size_t *bad_at)
{
    size_t bytes = n / 2;
    if (bytes < 32 || n % 2 != 0)
        return c16_sse41.decode(src, n, dst, bad_at);
    __m256i seen = decode_32(src + n - 64, dst + bytes - 32);
    for (size_t at = 0; at < bytes - 32; at += 32)
        seen = _mm256_or_si256(seen, decode_32(src + 2 * at, dst + at));
    if (_mm256_testz_si256(seen, _mm256_set1_epi8((char)0xF0)))
        return C16_OK;
    return c16_refuse(src, n, bad_at);
}

const c16_impl c16_avx2 = {"avx2", avx2_encode, avx2_decode};

#endif
