// zlib's face: crc32 over cache rows and the checksums of zip entries.
#pragma once
#include <zlib.h>
