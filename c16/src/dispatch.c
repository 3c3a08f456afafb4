/* The buffer interface: picks the widest implementation once and jumps to it
 * ever after, and finds where a wrong text is wrong. */
#include "internal.h"

#include <stdatomic.h>

static const c16_impl *const LEVELS[] = {
    &c16_scalar,
#if C16_X86
    &c16_sse41,
    &c16_avx2,
    &c16_avx512,
#endif
#if C16_NEON
    &c16_neon,
#endif
};

static size_t level_count(void)
{
#if C16_X86
    return 1 + c16_x86_levels();
#else
    return sizeof LEVELS / sizeof LEVELS[0];
#endif
}

const c16_impl *c16_impl_at(size_t level)
{
    return level < level_count() ? LEVELS[level] : NULL;
}

const c16_impl *c16_impl_in_use(void)
{
    return LEVELS[level_count() - 1];
}

const char *c16_impl_name(const c16_impl *impl)
{
    return impl->name;
}

size_t c16_encode_with(const c16_impl *impl, const uint8_t *src, size_t n, uint8_t *dst)
{
    return impl->encode(src, n, dst);
}

int c16_decode_with(const c16_impl *impl, const uint8_t *src, size_t n, uint8_t *dst,
                    size_t *bad_at)
{
    return impl->decode(src, n, dst, bad_at);
}

/* ---- The one in use ---------------------------------------------------- */

static c16_encode_fn encode_at_first;
static c16_decode_fn decode_at_first;

/* Both begin with the function that looks for the widest. Threads that meet
 * there all find the same answer, and it is code: the order of the writes does
 * not matter. */
static _Atomic(c16_encode_fn *) encode_in_use = encode_at_first;
static _Atomic(c16_decode_fn *) decode_in_use = decode_at_first;

static size_t encode_at_first(const uint8_t *src, size_t n, uint8_t *dst)
{
    c16_encode_fn *encode = c16_impl_in_use()->encode;
    atomic_store_explicit(&encode_in_use, encode, memory_order_relaxed);
    return encode(src, n, dst);
}

static int decode_at_first(const uint8_t *src, size_t n, uint8_t *dst, size_t *bad_at)
{
    c16_decode_fn *decode = c16_impl_in_use()->decode;
    atomic_store_explicit(&decode_in_use, decode, memory_order_relaxed);
    return decode(src, n, dst, bad_at);
}

size_t c16_encode(const uint8_t *src, size_t n, uint8_t *dst)
{
    return atomic_load_explicit(&encode_in_use, memory_order_relaxed)(src, n, dst);
}

int c16_decode(const uint8_t *src, size_t n, uint8_t *dst, size_t *bad_at)
{
    return atomic_load_explicit(&decode_in_use, memory_order_relaxed)(src, n, dst, bad_at);
}

/* ---- Wrong text -------------------------------------------------------- */

int c16_refuse(const uint8_t *src, size_t n, size_t *bad_at)
{
    size_t at = n;
    if (n % 2 == 0) {
        at = 0;
        while (at < n && c16_half(src[at]) < 16)
            at++;
    }
    if (bad_at != NULL)
        *bad_at = at;
    return n % 2 != 0 ? C16_ODD_LENGTH : C16_BAD_CHARACTER;
}
