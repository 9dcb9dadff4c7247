#include "treesitter.h"

#include <stdlib.h>

// Weak, because cgo links this package once on its own to look at its symbols; in the program they
// are those of the module that carries tree-sitter.
#define WEAK __attribute__((weak))

WEAK TSParser *ts_parser_new(void);
WEAK void ts_parser_delete(TSParser *);
WEAK bool ts_parser_set_language(TSParser *, const TSLanguage *);
WEAK void ts_parser_set_timeout_micros(TSParser *, uint64_t);
WEAK void ts_parser_reset(TSParser *);
WEAK TSTree *ts_parser_parse_string(TSParser *, const TSTree *, const char *, uint32_t);
WEAK void ts_tree_delete(TSTree *);
WEAK TSNode ts_tree_root_node(const TSTree *);
WEAK uint16_t ts_node_symbol(TSNode);
WEAK uint32_t ts_node_start_byte(TSNode);
WEAK uint32_t ts_node_end_byte(TSNode);
WEAK bool ts_node_has_error(TSNode);
WEAK bool ts_node_is_missing(TSNode);
WEAK TSTreeCursor ts_tree_cursor_new(TSNode);
WEAK void ts_tree_cursor_delete(TSTreeCursor *);
WEAK TSNode ts_tree_cursor_current_node(const TSTreeCursor *);
WEAK uint16_t ts_tree_cursor_current_field_id(const TSTreeCursor *);
WEAK bool ts_tree_cursor_goto_parent(TSTreeCursor *);
WEAK bool ts_tree_cursor_goto_next_sibling(TSTreeCursor *);
WEAK bool ts_tree_cursor_goto_first_child(TSTreeCursor *);
WEAK uint32_t ts_language_symbol_count(const TSLanguage *);
WEAK uint32_t ts_language_field_count(const TSLanguage *);
WEAK const char *ts_language_symbol_name(const TSLanguage *, uint16_t);
WEAK int ts_language_symbol_type(const TSLanguage *, uint16_t);
WEAK const char *ts_language_field_name_for_id(const TSLanguage *, uint16_t);
WEAK const TSLanguage *tree_sitter_go(void);
WEAK const TSLanguage *tree_sitter_python(void);
WEAK const TSLanguage *tree_sitter_javascript(void);
WEAK const TSLanguage *tree_sitter_typescript(void);
WEAK const TSLanguage *tree_sitter_tsx(void);

// cg_language returns the grammar with the number that parser.go gives it.
const TSLanguage *cg_language(int which) {
  switch (which) {
    case 0: return tree_sitter_go();
    case 1: return tree_sitter_python();
    case 2: return tree_sitter_javascript();
    case 3: return tree_sitter_typescript();
    case 4: return tree_sitter_tsx();
  }
  return NULL;
}

cg_parser *cg_new(const TSLanguage *language) {
  cg_parser *p = calloc(1, sizeof *p);
  if (p == NULL) return NULL;
  p->parser = ts_parser_new();
  if (!ts_parser_set_language(p->parser, language)) {
    cg_free(p);
    return NULL;
  }
  return p;
}

static void drop_tree(cg_parser *p) {
  if (p->tree != NULL) ts_tree_delete(p->tree);
  p->tree = NULL;
}

void cg_free(cg_parser *p) {
  if (p == NULL) return;
  drop_tree(p);
  ts_parser_delete(p->parser);
  free(p->nodes);
  free(p);
}

// cg_parse parses for at most so many microseconds and returns whether it came to the end. Called
// again with the same text it goes on.
bool cg_parse(cg_parser *p, const char *src, uint32_t len, uint64_t micros) {
  drop_tree(p);
  ts_parser_set_timeout_micros(p->parser, micros);
  p->tree = ts_parser_parse_string(p->parser, NULL, src, len);
  return p->tree != NULL;
}

// cg_reset forgets a parse that was given up.
void cg_reset(cg_parser *p) {
  drop_tree(p);
  ts_parser_reset(p->parser);
}

static bool append(cg_parser *p, cg_node n) {
  if (p->count == p->cap) {
    uint32_t cap = p->cap == 0 ? 1 << 14 : p->cap * 2;
    cg_node *nodes = realloc(p->nodes, (size_t)cap * sizeof *nodes);
    if (nodes == NULL) {
      p->no_memory = true;
      return false;
    }
    p->nodes = nodes;
    p->cap = cap;
  }
  p->nodes[p->count++] = n;
  return true;
}

enum { ERROR_SYMBOL = 0xffff, ERROR_KIND = 1, FLAG_MISSING = 1 };

// cg_flatten lays the tree out in p->nodes and frees it. kinds maps symbols, fields maps field ids;
// a symbol of kind 0 is left out with all that is below it.
bool cg_flatten(cg_parser *p, const uint16_t *kinds, const uint8_t *fields, uint32_t max_depth) {
  p->count = 0;
  p->too_deep = p->no_memory = false;
  if (!append(p, (cg_node){.next = 1})) return false; // 0 stands for "none"
  TSNode root = ts_tree_root_node(p->tree);
  p->has_error = ts_node_has_error(root);
  uint32_t *open = malloc((size_t)(max_depth + 1) * sizeof *open);
  if (open == NULL) return false;
  TSTreeCursor c = ts_tree_cursor_new(root);
  uint32_t depth = 0;
  for (bool done = false; !done;) {
    TSNode n = ts_tree_cursor_current_node(&c);
    uint16_t symbol = ts_node_symbol(n);
    uint16_t kind = symbol == ERROR_SYMBOL ? ERROR_KIND : kinds[symbol];
    if (kind != 0) {
      cg_node flat = {.kind = kind,
                      .field = fields[ts_tree_cursor_current_field_id(&c)],
                      .flags = ts_node_is_missing(n) ? FLAG_MISSING : 0,
                      .start = ts_node_start_byte(n),
                      .end = ts_node_end_byte(n)};
      if (!append(p, flat)) break;
      open[depth] = p->count - 1;
      if (depth == max_depth) {
        p->too_deep = true;
      } else if (ts_tree_cursor_goto_first_child(&c)) {
        depth++;
        continue;
      }
      p->nodes[open[depth]].next = p->count;
    }
    while (!ts_tree_cursor_goto_next_sibling(&c)) {
      if (depth == 0 || !ts_tree_cursor_goto_parent(&c)) {
        done = true;
        break;
      }
      depth--;
      p->nodes[open[depth]].next = p->count;
    }
  }
  ts_tree_cursor_delete(&c);
  free(open);
  drop_tree(p);
  return !p->no_memory;
}

uint32_t cg_symbol_count(const TSLanguage *l) { return ts_language_symbol_count(l); }
uint32_t cg_field_count(const TSLanguage *l) { return ts_language_field_count(l); }
const char *cg_symbol_name(const TSLanguage *l, uint16_t s) { return ts_language_symbol_name(l, s); }
int cg_symbol_type(const TSLanguage *l, uint16_t s) { return ts_language_symbol_type(l, s); }
const char *cg_field_name(const TSLanguage *l, uint16_t f) {
  return ts_language_field_name_for_id(l, f);
}
