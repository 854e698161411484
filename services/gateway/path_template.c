/* SPDX-License-Identifier: Apache-2.0 */
#include "path_template.h"

#include <string.h>

#include "base/utf8.h"

/* ---- percent-encoding ------------------------------------------------------------------------------------------- */

static int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool is_utf8(const char *text, size_t size) {
  for (size_t i = 0; i < size;) {
    uint32_t point;
    size_t length = utf8_decode((const unsigned char *)text + i, size - i, &point);
    if (length == 0) return false;
    i += length;
  }
  return true;
}

const char *percent_decode(struct arena *arena, const char *text, size_t size, bool form, char kept) {
  char *decoded = arena_alloc(arena, size + 1), *out = decoded;
  for (size_t i = 0; i < size; i++) {
    if (text[i] != '%') {
      *out++ = form && text[i] == '+' ? ' ' : text[i];
      continue;
    }
    int high = i + 2 < size ? hex_digit(text[i + 1]) : -1;
    int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
    if (low < 0 || high * 16 + low == 0) return NULL;
    if (high * 16 + low == kept) {
      *out++ = '%';
      continue; /* the digits follow as they are */
    }
    *out++ = (char)(high * 16 + low);
    i += 2;
  }
  *out = '\0';
  return is_utf8(decoded, (size_t)(out - decoded)) ? decoded : NULL;
}

/* ---- templates -------------------------------------------------------------------------------------------------- */

struct parser {
  struct arena *arena;
  const char *at;
  struct path_template *template;
};

static bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         (c && strchr("-_.~!$&'()+,;@", c));
}

/* Returns the text up to the first character that is none of a literal's. */
static const char *read_literal(struct parser *parser) {
  const char *begin = parser->at;
  while (is_letter(*parser->at)) parser->at++;
  return parser->at > begin ? arena_memdup(parser->arena, begin, (size_t)(parser->at - begin)) : NULL;
}

static void add_segment(struct parser *parser, struct template_segment segment) {
  parser->template->segments[parser->template->segment_count++] = segment;
}

static bool follows_many(const struct parser *parser) {
  size_t count = parser->template->segment_count;
  return count > 0 && parser->template->segments[count - 1].kind == SEGMENT_MANY;
}

static bool parse_segment(struct parser *parser, bool in_variable);

static bool parse_segments(struct parser *parser, bool in_variable) {
  do {
    if (follows_many(parser) || !parse_segment(parser, in_variable)) return false;
  } while (*parser->at == '/' && parser->at++);
  return true;
}

/* {field} or {field=segments} */
static bool parse_variable(struct parser *parser) {
  struct path_template *template = parser->template;
  struct template_variable *variable = &template->variables[template->variable_count++];
  variable->field = read_literal(parser);
  variable->first = template->segment_count;
  if (!variable->field) return false;
  if (*parser->at == '=') {
    parser->at++;
    if (!parse_segments(parser, true)) return false;
  } else {
    add_segment(parser, (struct template_segment){.kind = SEGMENT_ONE});
  }
  variable->count = template->segment_count - variable->first;
  return *parser->at++ == '}';
}

static bool parse_segment(struct parser *parser, bool in_variable) {
  if (*parser->at == '{' && !in_variable) {
    parser->at++;
    return parse_variable(parser);
  }
  if (*parser->at == '*') {
    bool many = parser->at[1] == '*';
    parser->at += many ? 2 : 1;
    add_segment(parser, (struct template_segment){.kind = many ? SEGMENT_MANY : SEGMENT_ONE});
    return true;
  }
  const char *text = read_literal(parser);
  if (text) add_segment(parser, (struct template_segment){.kind = SEGMENT_LITERAL, .text = text});
  return text != NULL;
}

struct status path_template_parse(struct arena *arena, const char *text, struct path_template *ret_template) {
  size_t most = strlen(text) + 1;
  struct path_template template = {
      .text = text,
      .segments = arena_calloc(arena, most, sizeof *template.segments),
      .variables = arena_calloc(arena, most, sizeof *template.variables),
  };
  struct parser parser = {.arena = arena, .at = text + 1, .template = &template};
  bool parsed = *text == '/' && parse_segments(&parser, false);
  if (parsed && *parser.at == ':') {
    parser.at++;
    template.verb = read_literal(&parser);
    parsed = template.verb != NULL;
  }
  if (!parsed || *parser.at) {
    return status_error(arena, STATUS_INVALID_ARGUMENT, reason_definition_invalid, "\"%s\" is no path template", text);
  }
  *ret_template = template;
  return status_ok();
}

/* ---- paths ------------------------------------------------------------------------------------------------------ */

struct status request_path_read(struct arena *arena, const char *path, struct request_path *ret_path) {
  size_t count = 0;
  for (const char *c = path; *c; c++) count += *c == '/';
  *ret_path = (struct request_path){.raw = arena_calloc(arena, count, sizeof(char *)),
                                    .decoded = arena_calloc(arena, count, sizeof(char *))};
  for (const char *at = path; *at == '/';) {
    size_t size = strcspn(++at, "/");
    ret_path->raw[ret_path->count] = arena_memdup(arena, at, size);
    ret_path->decoded[ret_path->count] = percent_decode(arena, at, size, false, 0);
    if (!ret_path->decoded[ret_path->count++]) {
      return status_error(arena, STATUS_INVALID_ARGUMENT, reason_field_invalid,
                          "The path has a percent-encoding that is none, or that is not of UTF-8.");
    }
    at += size;
  }
  return status_ok();
}

/* The last segment without the verb; NULL if it doesn't end with it. */
static const char *without_verb(struct arena *arena, const char *segment, const char *verb) {
  size_t size = strlen(segment), of_verb = strlen(verb) + 1;
  if (size < of_verb || segment[size - of_verb] != ':' || strcmp(segment + size - of_verb + 1, verb) != 0) return NULL;
  return arena_memdup(arena, segment, size - of_verb);
}

static bool segment_matches(const struct template_segment *segment, const char *text) {
  return segment->kind == SEGMENT_LITERAL ? strcmp(segment->text, text) == 0 : *text != '\0';
}

/* The path's segments that a variable stands for. */
static const char *value_of(const struct path_template *template, const struct template_variable *variable,
                            struct arena *arena, const struct request_path *path) {
  size_t end = variable->first + variable->count;
  bool many = template->segments[end - 1].kind == SEGMENT_MANY;
  if (variable->count == 1 && !many) return path->decoded[variable->first];
  if (many) end = path->count;
  const char *value = "";
  for (size_t i = variable->first; i < end; i++) {
    const char *segment = percent_decode(arena, path->raw[i], strlen(path->raw[i]), false, '/');
    value = arena_printf(arena, "%s%s%s", value, i > variable->first ? "/" : "", segment);
  }
  return value;
}

bool path_template_match(const struct path_template *template, struct arena *arena, const struct request_path *path,
                         const char ***ret_values) {
  size_t count = template->segment_count;
  bool many = template->segments[count - 1].kind == SEGMENT_MANY;
  if (many ? path->count + 1 < count : path->count != count) return false;
  struct request_path taken = *path;
  if (template->verb && path->count > 0) {
    size_t last = path->count - 1;
    const char *decoded = without_verb(arena, path->decoded[last], template->verb);
    if (!decoded) return false;
    taken.raw = (const char **)arena_memdup(arena, path->raw, path->count * sizeof *path->raw);
    taken.decoded = (const char **)arena_memdup(arena, path->decoded, path->count * sizeof *path->decoded);
    taken.decoded[last] = decoded;
    const char *raw = without_verb(arena, path->raw[last], template->verb);
    taken.raw[last] = raw ? raw : decoded;
  }
  for (size_t i = 0; i < count - many; i++) {
    if (!segment_matches(&template->segments[i], taken.decoded[i])) return false;
  }
  *ret_values = arena_calloc(arena, template->variable_count, sizeof **ret_values);
  for (size_t i = 0; i < template->variable_count; i++) {
    (*ret_values)[i] = value_of(template, &template->variables[i], arena, &taken);
  }
  return true;
}

int path_template_compare(const struct path_template *left, const struct path_template *right) {
  size_t count = left->segment_count < right->segment_count ? left->segment_count : right->segment_count;
  for (size_t i = 0; i < count; i++) {
    const struct template_segment *a = &left->segments[i], *b = &right->segments[i];
    if (a->kind != b->kind) return a->kind < b->kind ? -1 : 1;
    int order = a->kind == SEGMENT_LITERAL ? strcmp(a->text, b->text) : 0;
    if (order != 0) return order;
  }
  if (left->segment_count != right->segment_count) return left->segment_count > right->segment_count ? -1 : 1;
  if (!left->verb || !right->verb) return (left->verb == NULL) - (right->verb == NULL);
  return strcmp(left->verb, right->verb);
}
