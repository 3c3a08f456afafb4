/* The original's interface: one character, on memory that the caller frees. */
#include "internal.h"

#include <stdlib.h>

char *encode_B(char *in)
{
    if (in == NULL)
        return NULL;
    char *text = malloc(3);
    if (text == NULL)
        return NULL;
    unsigned char byte = (unsigned char)in[0];
    text[0] = (char)('A' + (byte & 15));
    text[1] = (char)('A' + (byte >> 4));
    text[2] = '\0';
    return text;
}

char *decode_B(char *in)
{
    if (in == NULL)
        return NULL;
    unsigned low = c16_half((uint8_t)in[0]);
    if (low > 15) /* an empty string ends here: in[1] may not exist */
        return NULL;
    unsigned high = c16_half((uint8_t)in[1]);
    if (high > 15)
        return NULL;
    char *byte = malloc(2);
    if (byte == NULL)
        return NULL;
    byte[0] = (char)(low | high << 4);
    byte[1] = '\0';
    return byte;
}

int pairint(pair p)
{
    return (unsigned char)p.A | (unsigned char)p.B << 8;
}

pair intpair(int number)
{
    /* Unsigned, so that the shift is defined for negative numbers too; the
     * shift comes before the mask, which the original had the other way. */
    unsigned bits = (unsigned)number;
    pair p = {(char)(bits & 0xFF), (char)(bits >> 8 & 0xFF)};
    return p;
}
