/* The buffer interface: picks the widest implementation once, checks what the
 * implementations rely on, and finds where a wrong text is wrong. */
#include "internal.h"

#include <stdatomic.h>

static const c16_impl *const LEVELS[] = {
    &c16_scalar,
#if C16_X86
    &c16_sse41,
    &c16_avx2,
    &c16_avx512,
#endif
};

static size_t level_count(void)
{
#if C16_X86
    return 1 + c16_x86_levels();
#else
    return 1;
#endif
}

const c16_impl *c16_impl_at(size_t level)
{
    return level < level_count() ? LEVELS[level] : NULL;
}

const c16_impl *c16_impl_in_use(void)
{
    /* Threads that meet here first all find the same answer, and it points to
     * constants: the order of the writes does not matter. */
    static _Atomic(const c16_impl *) chosen;
    const c16_impl *impl = atomic_load_explicit(&chosen, memory_order_relaxed);
    if (impl == NULL) {
        impl = LEVELS[level_count() - 1];
        atomic_store_explicit(&chosen, impl, memory_order_relaxed);
    }
    return impl;
}

const char *c16_impl_name(const c16_impl *impl)
{
    return impl->name;
}

size_t c16_encode_with(const c16_impl *impl, const uint8_t *src, size_t n, uint8_t *dst)
{
    if (n == 0) /* with nothing to do, the pointers may be NULL */
        return 0;
    impl->encode(src, n, dst);
    return 2 * n;
}

/* The offset of the first character outside 'A'..'P'; n if there is none. */
static size_t first_bad(const uint8_t *src, size_t n)
{
    size_t at = 0;
    while (at < n && c16_half(src[at]) < 16)
        at++;
    return at;
}

static int wrong(int status, size_t at, size_t *bad_at)
{
    if (bad_at != NULL)
        *bad_at = at;
    return status;
}

int c16_decode_with(const c16_impl *impl, const uint8_t *src, size_t n, uint8_t *dst,
                    size_t *bad_at)
{
    if (n % 2 != 0)
        return wrong(C16_ODD_LENGTH, n, bad_at);
    if (n == 0 || impl->decode(src, n / 2, dst))
        return C16_OK;
    return wrong(C16_BAD_CHARACTER, first_bad(src, n), bad_at);
}

size_t c16_encode(const uint8_t *src, size_t n, uint8_t *dst)
{
    return c16_encode_with(c16_impl_in_use(), src, n, dst);
}

int c16_decode(const uint8_t *src, size_t n, uint8_t *dst, size_t *bad_at)
{
    return c16_decode_with(c16_impl_in_use(), src, n, dst, bad_at);
}
