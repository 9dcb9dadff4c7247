package lang

// kind is what a place of a syntax tree is, over all grammars.
type kind uint16

// The kinds that the extractors ask for. Everything else that a grammar names is kOther; tokens
// without a name are left out unless they are listed here with a leading quote.
const (
	kNone  kind = iota // left out
	kError             // ERROR: text that does not parse
	kOther             // a kind nobody asks for
	kIdentifier
	kBlankIdentifier
	kFieldIdentifier
	kPackageIdentifier
	kTypeIdentifier
	kLabelName
	kDot
	kNil
	kTrue
	kFalse
	kIota
	kComment
	kSourceFile
	kPackageClause
	kImportDeclaration
	kImportSpec
	kImportSpecList
	kConstDeclaration
	kConstSpec
	kVarDeclaration
	kVarSpec
	kVarSpecList
	kFunctionDeclaration
	kMethodDeclaration
	kTypeParameterList
	kTypeParameterDeclaration
	kParameterList
	kParameterDeclaration
	kVariadicParameterDeclaration
	kTypeAlias
	kTypeDeclaration
	kTypeSpec
	kExpressionList
	kParenthesizedType
	kGenericType
	kTypeArguments
	kPointerType
	kArrayType
	kImplicitLengthArrayType
	kSliceType
	kStructType
	kNegatedType
	kFieldDeclarationList
	kFieldDeclaration
	kInterfaceType
	kMethodElem
	kTypeElem
	kMapType
	kChannelType
	kFunctionType
	kBlock
	kExpressionStatement
	kSendStatement
	kReceiveStatement
	kIncStatement
	kDecStatement
	kAssignmentStatement
	kShortVarDeclaration
	kLabeledStatement
	kReturnStatement
	kGoStatement
	kDeferStatement
	kIfStatement
	kForStatement
	kForClause
	kRangeClause
	kExpressionSwitchStatement
	kExpressionCase
	kDefaultCase
	kTypeSwitchStatement
	kTypeCase
	kSelectStatement
	kCommunicationCase
	kParenthesizedExpression
	kCallExpression
	kVariadicArgument
	kArgumentList
	kSelectorExpression
	kIndexExpression
	kSliceExpression
	kTypeAssertionExpression
	kTypeConversionExpression
	kTypeInstantiationExpression
	kCompositeLiteral
	kLiteralValue
	kLiteralElement
	kKeyedElement
	kFuncLiteral
	kUnaryExpression
	kBinaryExpression
	kQualifiedType
	kInterpretedStringLiteral
	kRawStringLiteral
	kIntLiteral
	kFloatLiteral
	kImaginaryLiteral
	kRuneLiteral
	kTypeConstraint
)

// kindNames are the grammars' names of the kinds.
var kindNames = [...]string{
	kError:                        "ERROR",
	kOther:                        "any other",
	kIdentifier:                   "identifier",
	kBlankIdentifier:              "blank_identifier",
	kFieldIdentifier:              "field_identifier",
	kPackageIdentifier:            "package_identifier",
	kTypeIdentifier:               "type_identifier",
	kLabelName:                    "label_name",
	kDot:                          "dot",
	kNil:                          "nil",
	kTrue:                         "true",
	kFalse:                        "false",
	kIota:                         "iota",
	kComment:                      "comment",
	kSourceFile:                   "source_file",
	kPackageClause:                "package_clause",
	kImportDeclaration:            "import_declaration",
	kImportSpec:                   "import_spec",
	kImportSpecList:               "import_spec_list",
	kConstDeclaration:             "const_declaration",
	kConstSpec:                    "const_spec",
	kVarDeclaration:               "var_declaration",
	kVarSpec:                      "var_spec",
	kVarSpecList:                  "var_spec_list",
	kFunctionDeclaration:          "function_declaration",
	kMethodDeclaration:            "method_declaration",
	kTypeParameterList:            "type_parameter_list",
	kTypeParameterDeclaration:     "type_parameter_declaration",
	kParameterList:                "parameter_list",
	kParameterDeclaration:         "parameter_declaration",
	kVariadicParameterDeclaration: "variadic_parameter_declaration",
	kTypeAlias:                    "type_alias",
	kTypeDeclaration:              "type_declaration",
	kTypeSpec:                     "type_spec",
	kExpressionList:               "expression_list",
	kParenthesizedType:            "parenthesized_type",
	kGenericType:                  "generic_type",
	kTypeArguments:                "type_arguments",
	kPointerType:                  "pointer_type",
	kArrayType:                    "array_type",
	kImplicitLengthArrayType:      "implicit_length_array_type",
	kSliceType:                    "slice_type",
	kStructType:                   "struct_type",
	kNegatedType:                  "negated_type",
	kFieldDeclarationList:         "field_declaration_list",
	kFieldDeclaration:             "field_declaration",
	kInterfaceType:                "interface_type",
	kMethodElem:                   "method_elem",
	kTypeElem:                     "type_elem",
	kMapType:                      "map_type",
	kChannelType:                  "channel_type",
	kFunctionType:                 "function_type",
	kBlock:                        "block",
	kExpressionStatement:          "expression_statement",
	kSendStatement:                "send_statement",
	kReceiveStatement:             "receive_statement",
	kIncStatement:                 "inc_statement",
	kDecStatement:                 "dec_statement",
	kAssignmentStatement:          "assignment_statement",
	kShortVarDeclaration:          "short_var_declaration",
	kLabeledStatement:             "labeled_statement",
	kReturnStatement:              "return_statement",
	kGoStatement:                  "go_statement",
	kDeferStatement:               "defer_statement",
	kIfStatement:                  "if_statement",
	kForStatement:                 "for_statement",
	kForClause:                    "for_clause",
	kRangeClause:                  "range_clause",
	kExpressionSwitchStatement:    "expression_switch_statement",
	kExpressionCase:               "expression_case",
	kDefaultCase:                  "default_case",
	kTypeSwitchStatement:          "type_switch_statement",
	kTypeCase:                     "type_case",
	kSelectStatement:              "select_statement",
	kCommunicationCase:            "communication_case",
	kParenthesizedExpression:      "parenthesized_expression",
	kCallExpression:               "call_expression",
	kVariadicArgument:             "variadic_argument",
	kArgumentList:                 "argument_list",
	kSelectorExpression:           "selector_expression",
	kIndexExpression:              "index_expression",
	kSliceExpression:              "slice_expression",
	kTypeAssertionExpression:      "type_assertion_expression",
	kTypeConversionExpression:     "type_conversion_expression",
	kTypeInstantiationExpression:  "type_instantiation_expression",
	kCompositeLiteral:             "composite_literal",
	kLiteralValue:                 "literal_value",
	kLiteralElement:               "literal_element",
	kKeyedElement:                 "keyed_element",
	kFuncLiteral:                  "func_literal",
	kUnaryExpression:              "unary_expression",
	kBinaryExpression:             "binary_expression",
	kQualifiedType:                "qualified_type",
	kInterpretedStringLiteral:     "interpreted_string_literal",
	kRawStringLiteral:             "raw_string_literal",
	kIntLiteral:                   "int_literal",
	kFloatLiteral:                 "float_literal",
	kImaginaryLiteral:             "imaginary_literal",
	kRuneLiteral:                  "rune_literal",
	kTypeConstraint:               "type_constraint",
}

// field is the role of a child.
type field uint8

// The fields that the extractors ask for.
const (
	fNone field = iota
	fAlias
	fAlternative
	fArguments
	fBody
	fChannel
	fCondition
	fConsequence
	fElement
	fField
	fFunction
	fIndex
	fInitializer
	fKey
	fLabel
	fLeft
	fLength
	fName
	fOperand
	fOperator
	fPackage
	fParameters
	fPath
	fReceiver
	fResult
	fRight
	fType
	fTypeArguments
	fTypeParameters
	fUpdate
	fValue
)

// fieldNames are the grammars' names of the fields.
var fieldNames = [...]string{
	fAlias:          "alias",
	fAlternative:    "alternative",
	fArguments:      "arguments",
	fBody:           "body",
	fChannel:        "channel",
	fCondition:      "condition",
	fConsequence:    "consequence",
	fElement:        "element",
	fField:          "field",
	fFunction:       "function",
	fIndex:          "index",
	fInitializer:    "initializer",
	fKey:            "key",
	fLabel:          "label",
	fLeft:           "left",
	fLength:         "length",
	fName:           "name",
	fOperand:        "operand",
	fOperator:       "operator",
	fPackage:        "package",
	fParameters:     "parameters",
	fPath:           "path",
	fReceiver:       "receiver",
	fResult:         "result",
	fRight:          "right",
	fType:           "type",
	fTypeArguments:  "type_arguments",
	fTypeParameters: "type_parameters",
	fUpdate:         "update",
	fValue:          "value",
}
