/* Every implementation of this processor, against the definition, with nothing
 * but C: for machines that have a compiler or an emulator and no Rust. The
 * commands are in ../README.md.
 *
 * Prints each implementation's name and how much of it was looked at; the first
 * difference is told and ends with status 1. */
#include "c16.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LENGTH_MAX = 1100, /* bytes: past every loop's start, step and tail */
    MARGIN = 64,
    CANARY = 0x5A
};

static unsigned long long checks;
static const char *level;

static void check(int holds, const char *what, size_t length, size_t at)
{
    checks++;
    if (holds)
        return;
    printf("%s: %s (length %zu, at %zu)\n", level, what, length, at);
    exit(1);
}

static void fill_with_noise(uint8_t *bytes, size_t n, uint32_t seed)
{
    uint32_t state = seed * 2654435761u + 1;
    for (size_t i = 0; i < n; i++) {
        state = state * 1664525u + 1013904223u;
        bytes[i] = (uint8_t)(state >> 24);
    }
}

/* Whether the MARGIN bytes before start and behind start + n are untouched. */
static int margins_hold(const uint8_t *start, size_t n)
{
    for (size_t i = 1; i <= MARGIN; i++)
        if (start[-(ptrdiff_t)i] != CANARY || start[n + i - 1] != CANARY)
            return 0;
    return 1;
}

/* A buffer of canaries; its first use is MARGIN + align bytes in. */
static uint8_t *fresh(uint8_t *buffer, size_t n, size_t align)
{
    memset(buffer, CANARY, 3 * MARGIN + n);
    return buffer + MARGIN + align;
}

static _Alignas(64) uint8_t from[2 * LENGTH_MAX + 3 * MARGIN];
static _Alignas(64) uint8_t to[2 * LENGTH_MAX + 3 * MARGIN];
static _Alignas(64) uint8_t back[LENGTH_MAX + 3 * MARGIN];

static void round_trip(const c16_impl *impl, size_t n, size_t align_src, size_t align_dst)
{
    uint8_t *raw = fresh(from, 2 * n, align_src);
    uint8_t *text = fresh(to, 2 * n, align_dst);
    uint8_t *again = fresh(back, n, align_src);
    size_t bad_at = 7;
    fill_with_noise(raw, n, (uint32_t)(n + align_src));
    check(c16_encode_with(impl, raw, n, text) == 2 * n, "encode's answer", n, align_dst);
    check(margins_hold(text, 2 * n), "encode wrote outside", n, align_dst);
    for (size_t i = 0; i < n; i++)
        check(text[2 * i] == 'A' + (raw[i] & 15) && text[2 * i + 1] == 'A' + (raw[i] >> 4),
              "encoded wrongly", n, i);
    check(c16_decode_with(impl, text, 2 * n, again, &bad_at) == C16_OK && bad_at == 7,
          "own text refused", n, bad_at);
    check(margins_hold(again, n), "decode wrote outside", n, align_src);
    check(memcmp(raw, again, n) == 0, "decoded wrongly", n, align_src);
}

static int is_valid(unsigned character)
{
    return character >= 'A' && character <= 'P';
}

/* All 65,536 pairs, at the start, within and at the end of texts of n bytes. */
static void every_pair(const c16_impl *impl, size_t n)
{
    const size_t places[] = {0, n / 2, n - 1};
    for (size_t p = 0; p < 3; p++) {
        size_t at = 2 * places[p];
        memset(from, 'C', 2 * n);
        for (unsigned pair = 0; pair < 65536; pair++) {
            unsigned low = pair & 255, high = pair >> 8;
            size_t bad_at = 0;
            from[at] = (uint8_t)low;
            from[at + 1] = (uint8_t)high;
            int status = c16_decode_with(impl, from, 2 * n, back, &bad_at);
            if (is_valid(low) && is_valid(high))
                check(status == C16_OK && back[at / 2] == ((low - 'A') | (high - 'A') << 4),
                      "a good pair", n, at);
            else
                check(status == C16_BAD_CHARACTER && bad_at == at + (is_valid(low) ? 1 : 0),
                      "a wrong pair", n, at);
        }
    }
}

/* One wrong character at every place. */
static void every_place(const c16_impl *impl, size_t n)
{
    static const uint8_t WRONG[] = {'@', 'Q', 'a', 'A' | 0x80, 'P' | 0x80, 0, 0xFF};
    memset(from, 'P', 2 * n);
    for (size_t at = 0; at < 2 * n; at++) {
        for (size_t i = 0; i < sizeof WRONG; i++) {
            size_t bad_at = 0;
            from[at] = WRONG[i];
            uint8_t *raw = fresh(back, n, 0);
            int status = c16_decode_with(impl, from, 2 * n, raw, &bad_at);
            check(status == C16_BAD_CHARACTER && bad_at == at, "a wrong character", n, at);
            check(margins_hold(raw, n), "a refused text wrote outside", n, at);
        }
        from[at] = 'P';
    }
}

static void odd_length(const c16_impl *impl, size_t n)
{
    size_t bad_at = 0;
    memset(from, 'A', 2 * n + 1);
    check(c16_decode_with(impl, from, 2 * n + 1, back, &bad_at) == C16_ODD_LENGTH &&
              bad_at == 2 * n + 1,
          "an odd length", 2 * n + 1, bad_at);
}

int main(void)
{
    const c16_impl *impl;
    for (size_t i = 0; (impl = c16_impl_at(i)) != NULL; i++) {
        level = c16_impl_name(impl);
        checks = 0;
        for (size_t n = 0; n <= 300; n++) {
            for (size_t align = 0; align < 64; align += n < 140 ? 1 : 9)
                round_trip(impl, n, align, 63 - align);
            odd_length(impl, n);
        }
        for (size_t n = 500; n <= LENGTH_MAX; n += 25)
            for (size_t align = 0; align < 64; align++)
                round_trip(impl, n, align, align * 5 % 64);
        for (size_t n = 1; n <= 140; n += n < 34 ? 1 : 21)
            every_pair(impl, n);
        for (size_t n = 1; n <= 150; n++)
            every_place(impl, n);
        every_place(impl, 700);
        printf("%s: %llu checks passed\n", level, checks);
    }
    printf("in use: %s\n", c16_impl_name(c16_impl_in_use()));
    return 0;
}
