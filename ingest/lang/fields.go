package lang

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
	FArgument
	FAttribute
	FCode
	FCause
	FDefinition
	FExpression
	FGuard
	FModuleName
	FObject
	FReturnType
	FSubject
	FSubscript
	FSuperclasses
	FConstructor
	FConstraint
	FDeclaration
	FDecorator
	FProperty
	FSource
	FPattern
	FKind
	FHandler
	FFinalizer
	FIncrement
	FOpenTag
	FCloseTag
	FModule
	FParameter
	FIndexType
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
	FArgument:       "argument",
	FAttribute:      "attribute",
	FCode:           "code",
	FCause:          "cause",
	FDefinition:     "definition",
	FExpression:     "expression",
	FGuard:          "guard",
	FModuleName:     "module_name",
	FObject:         "object",
	FReturnType:     "return_type",
	FSubject:        "subject",
	FSubscript:      "subscript",
	FSuperclasses:   "superclasses",
	FConstructor:    "constructor",
	FConstraint:     "constraint",
	FDeclaration:    "declaration",
	FDecorator:      "decorator",
	FProperty:       "property",
	FSource:         "source",
	FPattern:        "pattern",
	FKind:           "kind",
	FHandler:        "handler",
	FFinalizer:      "finalizer",
	FIncrement:      "increment",
	FOpenTag:        "open_tag",
	FCloseTag:       "close_tag",
	FModule:         "module",
	FParameter:      "parameter",
	FIndexType:      "index_type",
}
