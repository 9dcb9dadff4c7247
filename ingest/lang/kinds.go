package lang

// Kind is what a place of a syntax tree is, over all grammars.
type Kind uint16

// The kinds that the extractors ask for. Everything else that a grammar names is KOther; tokens
// without a name are left out unless they are listed here with a leading quote.
const (
	KNone  Kind = iota // left out
	KError             // ERROR: text that does not parse
	KOther             // a kind nobody asks for
	KIdentifier
	KBlankIdentifier
	KFieldIdentifier
	KPackageIdentifier
	KTypeIdentifier
	KLabelName
	KDot
	KNil
	KTrue
	KFalse
	KIota
	KComment
	KSourceFile
	KPackageClause
	KImportDeclaration
	KImportSpec
	KImportSpecList
	KConstDeclaration
	KConstSpec
	KVarDeclaration
	KVarSpec
	KVarSpecList
	KFunctionDeclaration
	KMethodDeclaration
	KTypeParameterList
	KTypeParameterDeclaration
	KParameterList
	KParameterDeclaration
	KVariadicParameterDeclaration
	KTypeAlias
	KTypeDeclaration
	KTypeSpec
	KExpressionList
	KParenthesizedType
	KGenericType
	KTypeArguments
	KPointerType
	KArrayType
	KImplicitLengthArrayType
	KSliceType
	KStructType
	KNegatedType
	KFieldDeclarationList
	KFieldDeclaration
	KInterfaceType
	KMethodElem
	KTypeElem
	KMapType
	KChannelType
	KFunctionType
	KBlock
	KExpressionStatement
	KSendStatement
	KReceiveStatement
	KIncStatement
	KDecStatement
	KAssignmentStatement
	KShortVarDeclaration
	KLabeledStatement
	KReturnStatement
	KGoStatement
	KDeferStatement
	KIfStatement
	KForStatement
	KForClause
	KRangeClause
	KExpressionSwitchStatement
	KExpressionCase
	KDefaultCase
	KTypeSwitchStatement
	KTypeCase
	KSelectStatement
	KCommunicationCase
	KParenthesizedExpression
	KCallExpression
	KVariadicArgument
	KArgumentList
	KSelectorExpression
	KIndexExpression
	KSliceExpression
	KTypeAssertionExpression
	KTypeConversionExpression
	KTypeInstantiationExpression
	KCompositeLiteral
	KLiteralValue
	KLiteralElement
	KKeyedElement
	KFuncLiteral
	KUnaryExpression
	KBinaryExpression
	KQualifiedType
	KInterpretedStringLiteral
	KRawStringLiteral
	KIntLiteral
	KFloatLiteral
	KImaginaryLiteral
	KRuneLiteral
	KTypeConstraint
)

// kindNames are the grammars' names of the kinds.
var kindNames = [...]string{
	KError:                        "ERROR",
	KOther:                        "any other",
	KIdentifier:                   "identifier",
	KBlankIdentifier:              "blank_identifier",
	KFieldIdentifier:              "field_identifier",
	KPackageIdentifier:            "package_identifier",
	KTypeIdentifier:               "type_identifier",
	KLabelName:                    "label_name",
	KDot:                          "dot",
	KNil:                          "nil",
	KTrue:                         "true",
	KFalse:                        "false",
	KIota:                         "iota",
	KComment:                      "comment",
	KSourceFile:                   "source_file",
	KPackageClause:                "package_clause",
	KImportDeclaration:            "import_declaration",
	KImportSpec:                   "import_spec",
	KImportSpecList:               "import_spec_list",
	KConstDeclaration:             "const_declaration",
	KConstSpec:                    "const_spec",
	KVarDeclaration:               "var_declaration",
	KVarSpec:                      "var_spec",
	KVarSpecList:                  "var_spec_list",
	KFunctionDeclaration:          "function_declaration",
	KMethodDeclaration:            "method_declaration",
	KTypeParameterList:            "type_parameter_list",
	KTypeParameterDeclaration:     "type_parameter_declaration",
	KParameterList:                "parameter_list",
	KParameterDeclaration:         "parameter_declaration",
	KVariadicParameterDeclaration: "variadic_parameter_declaration",
	KTypeAlias:                    "type_alias",
	KTypeDeclaration:              "type_declaration",
	KTypeSpec:                     "type_spec",
	KExpressionList:               "expression_list",
	KParenthesizedType:            "parenthesized_type",
	KGenericType:                  "generic_type",
	KTypeArguments:                "type_arguments",
	KPointerType:                  "pointer_type",
	KArrayType:                    "array_type",
	KImplicitLengthArrayType:      "implicit_length_array_type",
	KSliceType:                    "slice_type",
	KStructType:                   "struct_type",
	KNegatedType:                  "negated_type",
	KFieldDeclarationList:         "field_declaration_list",
	KFieldDeclaration:             "field_declaration",
	KInterfaceType:                "interface_type",
	KMethodElem:                   "method_elem",
	KTypeElem:                     "type_elem",
	KMapType:                      "map_type",
	KChannelType:                  "channel_type",
	KFunctionType:                 "function_type",
	KBlock:                        "block",
	KExpressionStatement:          "expression_statement",
	KSendStatement:                "send_statement",
	KReceiveStatement:             "receive_statement",
	KIncStatement:                 "inc_statement",
	KDecStatement:                 "dec_statement",
	KAssignmentStatement:          "assignment_statement",
	KShortVarDeclaration:          "short_var_declaration",
	KLabeledStatement:             "labeled_statement",
	KReturnStatement:              "return_statement",
	KGoStatement:                  "go_statement",
	KDeferStatement:               "defer_statement",
	KIfStatement:                  "if_statement",
	KForStatement:                 "for_statement",
	KForClause:                    "for_clause",
	KRangeClause:                  "range_clause",
	KExpressionSwitchStatement:    "expression_switch_statement",
	KExpressionCase:               "expression_case",
	KDefaultCase:                  "default_case",
	KTypeSwitchStatement:          "type_switch_statement",
	KTypeCase:                     "type_case",
	KSelectStatement:              "select_statement",
	KCommunicationCase:            "communication_case",
	KParenthesizedExpression:      "parenthesized_expression",
	KCallExpression:               "call_expression",
	KVariadicArgument:             "variadic_argument",
	KArgumentList:                 "argument_list",
	KSelectorExpression:           "selector_expression",
	KIndexExpression:              "index_expression",
	KSliceExpression:              "slice_expression",
	KTypeAssertionExpression:      "type_assertion_expression",
	KTypeConversionExpression:     "type_conversion_expression",
	KTypeInstantiationExpression:  "type_instantiation_expression",
	KCompositeLiteral:             "composite_literal",
	KLiteralValue:                 "literal_value",
	KLiteralElement:               "literal_element",
	KKeyedElement:                 "keyed_element",
	KFuncLiteral:                  "func_literal",
	KUnaryExpression:              "unary_expression",
	KBinaryExpression:             "binary_expression",
	KQualifiedType:                "qualified_type",
	KInterpretedStringLiteral:     "interpreted_string_literal",
	KRawStringLiteral:             "raw_string_literal",
	KIntLiteral:                   "int_literal",
	KFloatLiteral:                 "float_literal",
	KImaginaryLiteral:             "imaginary_literal",
	KRuneLiteral:                  "rune_literal",
	KTypeConstraint:               "type_constraint",
}

// Field is the role of a child.
type Field uint8

// The fields that the extractors ask for.
const (
	FNone Field = iota
	FAlias
	FAlternative
	FArguments
	FBody
	FChannel
	FCondition
	FConsequence
	FElement
	FField
	FFunction
	FIndex
	FInitializer
	FKey
	FLabel
	FLeft
	FLength
	FName
	FOperand
	FOperator
	FPackage
	FParameters
	FPath
	FReceiver
	FResult
	FRight
	FType
	FTypeArguments
	FTypeParameters
	FUpdate
	FValue
)

// fieldNames are the grammars' names of the fields.
var fieldNames = [...]string{
	FAlias:          "alias",
	FAlternative:    "alternative",
	FArguments:      "arguments",
	FBody:           "body",
	FChannel:        "channel",
	FCondition:      "condition",
	FConsequence:    "consequence",
	FElement:        "element",
	FField:          "field",
	FFunction:       "function",
	FIndex:          "index",
	FInitializer:    "initializer",
	FKey:            "key",
	FLabel:          "label",
	FLeft:           "left",
	FLength:         "length",
	FName:           "name",
	FOperand:        "operand",
	FOperator:       "operator",
	FPackage:        "package",
	FParameters:     "parameters",
	FPath:           "path",
	FReceiver:       "receiver",
	FResult:         "result",
	FRight:          "right",
	FType:           "type",
	FTypeArguments:  "type_arguments",
	FTypeParameters: "type_parameters",
	FUpdate:         "update",
	FValue:          "value",
}
