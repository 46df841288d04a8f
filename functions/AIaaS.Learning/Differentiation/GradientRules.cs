using AIaaS.Learning.Differentiation.Rules;
using AIaaS.Learning.Onnx;

namespace AIaaS.Learning.Differentiation;

/// <summary>Gives the gradient with respect to each input of a node, null where there is none.</summary>
internal delegate IReadOnlyList<Value?> GradientRule(GradientContext context);

/// <summary>The gradient rule of each operator.</summary>
internal sealed class GradientRules
{
    private readonly Dictionary<string, GradientRule> _rules = new(StringComparer.Ordinal);

    /// <summary>All rules of this library. Those of a new family of operators are a file in <c>Rules</c> and a line here.</summary>
    public static GradientRules Default { get; } = new GradientRules()
        .With(ConvolutionRules.AddTo)
        .With(ElementwiseRules.AddTo)
        .With(IndexingRules.AddTo)
        .With(LinearRules.AddTo)
        .With(NormalizationRules.AddTo)
        .With(PoolingRules.AddTo)
        .With(ReductionRules.AddTo)
        .With(ShapingRules.AddTo);

    public IReadOnlyCollection<string> Operators => _rules.Keys;

    public void Add(string op, GradientRule rule) => _rules.Add(op, rule);

    /// <summary>Operators through which no gradient flows: their result is piecewise constant, or not a number.</summary>
    public void AddConstant(params IEnumerable<string> operators)
    {
        foreach (var op in operators)
            Add(op, context => new Value?[context.Node.Inputs.Count]);
    }

    public GradientRule? Find(Node node) => node.Domain.Length == 0 ? _rules.GetValueOrDefault(node.Operator) : null;

    private GradientRules With(Action<GradientRules> add)
    {
        add(this);
        return this;
    }
}
