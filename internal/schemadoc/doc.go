// Command schemadoc writes docs/SCHEMA.md from the tables in graph/schema.go, the only place where
// labels, edge types and properties are defined. A test holds the committed file to the tables.
package main
