// libcrypto's face: message digests.
//
// EVP_MD_CTX_new and EVP_DigestFinal_ex are plain functions and import as they are; this header only narrows what
// Swift sees of OpenSSL to the digests.
#pragma once
#include <openssl/evp.h>
