package lang

import "strings"

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
	KModule
	KImportStatement
	KImportFromStatement
	KFutureImportStatement
	KAliasedImport
	KWildcardImport
	KRelativeImport
	KImportPrefix
	KDottedName
	KElifClause
	KElseClause
	KMatchStatement
	KCaseClause
	KWhileStatement
	KTryStatement
	KExceptClause
	KExceptGroupClause
	KFinallyClause
	KWithStatement
	KWithClause
	KWithItem
	KFunctionDefinition
	KParameters
	KLambdaParameters
	KListSplat
	KDictionarySplat
	KGlobalStatement
	KNonlocalStatement
	KClassDefinition
	KDecoratedDefinition
	KDecorator
	KAsPattern
	KAsPatternTarget
	KPatternList
	KTuplePattern
	KListPattern
	KDefaultParameter
	KTypedDefaultParameter
	KTypedParameter
	KListSplatPattern
	KDictionarySplatPattern
	KNotOperator
	KBooleanOperator
	KBinaryOperator
	KUnaryOperator
	KComparisonOperator
	KLambda
	KAssignment
	KAugmentedAssignment
	KAttribute
	KSubscript
	KSlice
	KCall
	KType
	KMemberType
	KUnionType
	KKeywordArgument
	KList
	KSet
	KTuple
	KDictionary
	KPair
	KListComprehension
	KDictionaryComprehension
	KSetComprehension
	KGeneratorExpression
	KForInClause
	KIfClause
	KConditionalExpression
	KConcatenatedString
	KString
	KInterpolation
	KAwait
	KNamedExpression
	KInteger
	KFloat
	KNoneLiteral
	KDeleteStatement
	KRaiseStatement
	KAssertStatement
	KPrintStatement
	KExecStatement
	KTypeAliasStatement
	KYield
	KStringContent
	KProgram
	KHashBangLine
	KExportStatement
	KNamespaceExport
	KExportClause
	KExportSpecifier
	KImport
	KImportClause
	KNamespaceImport
	KNamedImports
	KImportSpecifier
	KVariableDeclaration
	KLexicalDeclaration
	KVariableDeclarator
	KStatementBlock
	KSwitchStatement
	KSwitchBody
	KSwitchCase
	KSwitchDefault
	KForInStatement
	KDoStatement
	KThrowStatement
	KCatchClause
	KYieldExpression
	KObject
	KObjectPattern
	KAssignmentPattern
	KObjectAssignmentPattern
	KArray
	KArrayPattern
	KJsxElement
	KJsxExpression
	KJsxOpeningElement
	KJsxClosingElement
	KJsxSelfClosingElement
	KJsxAttribute
	KJsxNamespaceName
	KClass
	KClassDeclaration
	KClassHeritage
	KFunctionExpression
	KGeneratorFunction
	KGeneratorFunctionDeclaration
	KArrowFunction
	KNewExpression
	KAwaitExpression
	KMemberExpression
	KSubscriptExpression
	KAssignmentExpression
	KAugmentedAssignmentExpression
	KSpreadElement
	KTernaryExpression
	KUpdateExpression
	KSequenceExpression
	KTemplateString
	KTemplateSubstitution
	KRegex
	KNumber
	KArguments
	KClassBody
	KFieldDefinition
	KFormalParameters
	KClassStaticBlock
	KRestPattern
	KMethodDefinition
	KPairPattern
	KComputedPropertyName
	KPropertyIdentifier
	KShorthandPropertyIdentifier
	KShorthandPropertyIdentifierPattern
	KPrivatePropertyIdentifier
	KThis
	KSuper
	KUndefined
	KNull
	KOptionalChain
	KStatementIdentifier
	KNestedIdentifier
	KPublicFieldDefinition
	KNonNullExpression
	KMethodSignature
	KAbstractMethodSignature
	KFunctionSignature
	KAsExpression
	KSatisfiesExpression
	KInstantiationExpression
	KImportRequireClause
	KExtendsClause
	KImplementsClause
	KAmbientDeclaration
	KAbstractClassDeclaration
	KInternalModule
	KImportAlias
	KNestedTypeIdentifier
	KInterfaceDeclaration
	KExtendsTypeClause
	KEnumDeclaration
	KEnumBody
	KEnumAssignment
	KTypeAliasDeclaration
	KAccessibilityModifier
	KRequiredParameter
	KOptionalParameter
	KTypeAnnotation
	KTypePredicateAnnotation
	KAssertsAnnotation
	KPredefinedType
	KObjectType
	KCallSignature
	KPropertySignature
	KTypeParameters
	KTypeParameter
	KConstructSignature
	KIndexSignature
	KTupleType
	KReadonlyType
	KIntersectionType
	KLiteralType
	KTypeQuery
	KLookupType
	KConditionalType
	KThisType
	KInterfaceBody
	KStringFragment
	KOptionalType
	KRestType
	KConstraint
	KDefaultType

	// Tokens: they have no structure and are passed over by First and Last.
	KTokAsync
	KTokStatic
	KTokGet
	KTokSet
	KTokDefault
	KTokType
	KTokAbstract
	KTokStar
	KTokConst
	KTokLet
	KTokVar
	KTokTypeof
	KTokReadonly
	KTokDeclare
	KTokExport
	kinds // count
)

// kindNames are the grammars' names of the kinds, in their order from KError on.
var kindNames = strings.Fields(`
ERROR (any) identifier blank_identifier field_identifier package_identifier type_identifier
label_name dot nil true false iota comment source_file package_clause import_declaration
import_spec import_spec_list const_declaration const_spec var_declaration var_spec
var_spec_list function_declaration method_declaration type_parameter_list
type_parameter_declaration parameter_list parameter_declaration variadic_parameter_declaration
type_alias type_declaration type_spec expression_list parenthesized_type generic_type
type_arguments pointer_type array_type implicit_length_array_type slice_type struct_type
negated_type field_declaration_list field_declaration interface_type method_elem type_elem
map_type channel_type function_type block expression_statement send_statement receive_statement
inc_statement dec_statement assignment_statement short_var_declaration labeled_statement
return_statement go_statement defer_statement if_statement for_statement for_clause
range_clause expression_switch_statement expression_case default_case type_switch_statement
type_case select_statement communication_case parenthesized_expression call_expression
variadic_argument argument_list selector_expression index_expression slice_expression
type_assertion_expression type_conversion_expression type_instantiation_expression
composite_literal literal_value literal_element keyed_element func_literal unary_expression
binary_expression qualified_type interpreted_string_literal raw_string_literal int_literal
float_literal imaginary_literal rune_literal type_constraint module import_statement
import_from_statement future_import_statement aliased_import wildcard_import relative_import
import_prefix dotted_name elif_clause else_clause match_statement case_clause while_statement
try_statement except_clause except_group_clause finally_clause with_statement with_clause
with_item function_definition parameters lambda_parameters list_splat dictionary_splat
global_statement nonlocal_statement class_definition decorated_definition decorator as_pattern
as_pattern_target pattern_list tuple_pattern list_pattern default_parameter
typed_default_parameter typed_parameter list_splat_pattern dictionary_splat_pattern
not_operator boolean_operator binary_operator unary_operator comparison_operator lambda
assignment augmented_assignment attribute subscript slice call type member_type union_type
keyword_argument list set tuple dictionary pair list_comprehension dictionary_comprehension
set_comprehension generator_expression for_in_clause if_clause conditional_expression
concatenated_string string interpolation await named_expression integer float none
delete_statement raise_statement assert_statement print_statement exec_statement
type_alias_statement yield string_content program hash_bang_line export_statement
namespace_export export_clause export_specifier import import_clause namespace_import
named_imports import_specifier variable_declaration lexical_declaration variable_declarator
statement_block switch_statement switch_body switch_case switch_default for_in_statement
do_statement throw_statement catch_clause yield_expression object object_pattern
assignment_pattern object_assignment_pattern array array_pattern jsx_element jsx_expression
jsx_opening_element jsx_closing_element jsx_self_closing_element jsx_attribute
jsx_namespace_name class class_declaration class_heritage function_expression
generator_function generator_function_declaration arrow_function new_expression
await_expression member_expression subscript_expression assignment_expression
augmented_assignment_expression spread_element ternary_expression update_expression
sequence_expression template_string template_substitution regex number arguments class_body
field_definition formal_parameters class_static_block rest_pattern method_definition
pair_pattern computed_property_name property_identifier shorthand_property_identifier
shorthand_property_identifier_pattern private_property_identifier this super undefined null
optional_chain statement_identifier nested_identifier public_field_definition
non_null_expression method_signature abstract_method_signature function_signature as_expression
satisfies_expression instantiation_expression import_require_clause extends_clause
implements_clause ambient_declaration abstract_class_declaration internal_module import_alias
nested_type_identifier interface_declaration extends_type_clause enum_declaration enum_body
enum_assignment type_alias_declaration accessibility_modifier required_parameter
optional_parameter type_annotation type_predicate_annotation asserts_annotation predefined_type
object_type call_signature property_signature type_parameters type_parameter
construct_signature index_signature tuple_type readonly_type intersection_type literal_type
type_query lookup_type conditional_type this_type interface_body string_fragment optional_type
rest_type constraint default_type 'async 'static 'get 'set 'default 'type 'abstract '*
'const 'let 'var
'typeof 'readonly 'declare 'export `)
