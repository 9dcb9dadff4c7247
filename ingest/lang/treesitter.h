// The part of tree-sitter's C interface that treesitter.c uses. The library itself is linked from
// the Go module github.com/smacker/go-tree-sitter, whose headers are not on the include path.
#ifndef CODEGRAPH_TREESITTER_H
#define CODEGRAPH_TREESITTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct TSParser TSParser;
typedef struct TSTree TSTree;
typedef struct TSLanguage TSLanguage;

typedef struct {
  uint32_t context[4];
  const void *id;
  const TSTree *tree;
} TSNode;

typedef struct {
  const void *tree;
  const void *id;
  uint32_t context[3];
} TSTreeCursor;

// A node of the flat tree; parser.go has the same layout.
typedef struct {
  uint16_t kind;
  uint8_t field;
  uint8_t flags;
  uint32_t start, end, next;
} cg_node;

// What a parser keeps from file to file.
typedef struct {
  TSParser *parser;
  TSTree *tree;
  cg_node *nodes;
  uint32_t count, cap;
  bool has_error, too_deep, no_memory;
} cg_parser;

const TSLanguage *cg_language(int which);
cg_parser *cg_new(const TSLanguage *language);
void cg_free(cg_parser *p);
bool cg_parse(cg_parser *p, const char *src, uint32_t len, uint64_t micros);
void cg_reset(cg_parser *p);
bool cg_flatten(cg_parser *p, const uint16_t *kinds, const uint8_t *fields, uint32_t max_depth);
uint32_t cg_symbol_count(const TSLanguage *language);
uint32_t cg_field_count(const TSLanguage *language);
const char *cg_symbol_name(const TSLanguage *language, uint16_t symbol);
int cg_symbol_type(const TSLanguage *language, uint16_t symbol);
const char *cg_field_name(const TSLanguage *language, uint16_t field);

#endif
