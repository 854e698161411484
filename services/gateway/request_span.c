/* SPDX-License-Identifier: Apache-2.0 */
#include "request_span.h"

#include "base/traceparent.h"

/* Named by the method alone, since paths have ids in them. */
struct span *request_span_begin(struct http_request *request) {
  const char *header = http_request_header(request, "traceparent");
  if (traceparent_is_valid(header)) request->traceparent = header;
  struct span *span = span_begin_trace(SPAN_SERVER, "HTTP", request->arena, &request->traceparent);
  if (!span) return NULL;
  span_name(span, request->method, NULL, NULL);
  span_text(span, "http.request.method", request->method);
  span_text(span, "url.path", request->path);
  span_text(span, "client.address", request->address);
  return span;
}

void request_span_end(struct span *span, const struct http_request *request) {
  enum { SERVER_ERRORS = 500 };
  int code = http_answer_code(request);
  span_number(span, "http.response.status_code", code);
  if (code >= SERVER_ERRORS) span_fail(span, "the answer is an error of the server");
  span_end(span);
}
