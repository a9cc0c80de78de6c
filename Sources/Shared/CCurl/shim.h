// libcurl, as Swift can see it. Swift calls no variadic functions, so that each kind of argument that curl_easy_setopt
// is given has a function here; so has the result of a transfer, which lies in a union.
#pragma once

// The checks are macros around the variadic functions, for callers in C.
#define CURL_DISABLE_TYPECHECK 1
#include <curl/curl.h>

typedef size_t (*pb_curl_receiver)(char *bytes, size_t size, size_t count, void *context);

static inline CURLcode pb_curl_set_number(CURL *handle, CURLoption option, long value) {
  return curl_easy_setopt(handle, option, value);
}

// libcurl copies the text.
static inline CURLcode pb_curl_set_text(CURL *handle, CURLoption option, const char *text) {
  return curl_easy_setopt(handle, option, text);
}

// The list and what other pointers point to must live as long as the transfer.
static inline CURLcode pb_curl_set_list(CURL *handle, CURLoption option, struct curl_slist *list) {
  return curl_easy_setopt(handle, option, list);
}

static inline CURLcode pb_curl_set_pointer(CURL *handle, CURLoption option, void *pointer) {
  return curl_easy_setopt(handle, option, pointer);
}

static inline CURLcode pb_curl_set_receiver(CURL *handle, CURLoption option, pb_curl_receiver receiver) {
  return curl_easy_setopt(handle, option, receiver);
}

// Words for an address's error came with 7.80.
static inline const char *pb_curl_address_error(CURLUcode status) {
#if LIBCURL_VERSION_NUM >= 0x075000
  return curl_url_strerror(status);
#else
  return status == CURLUE_UNSUPPORTED_SCHEME ? "Unsupported URL scheme" : "Malformed input to a URL function";
#endif
}

/// Takes the result of a finished transfer out of the queue: 1, or 0 where none is finished.
static inline int pb_curl_next_result(CURLM *multi, CURLcode *result) {
  int left = 0;
  CURLMsg *message;
  while ((message = curl_multi_info_read(multi, &left))) {
    if (message->msg != CURLMSG_DONE) continue;
    *result = message->data.result;
    return 1;
  }
  return 0;
}
