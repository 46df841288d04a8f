using AIaaS.Learning.Onnx;

namespace AIaaS.Learning.Features;

/// <summary>Learns from training rows how columns of some kinds become numbers. Another encoding is another implementation.</summary>
internal interface IFeatureEncoder
{
    bool Accepts(FeatureColumn column);

    /// <param name="columns">All accepted columns of the training rows, in the table's order; at least one.</param>
    IFittedEncoder Fit(IReadOnlyList<FeatureColumn> columns);
}

/// <summary>A fitted encoding as operators of a graph.</summary>
internal interface IFittedEncoder
{
    /// <summary>A name for each number it makes, for instance <c>island=Dream</c>.</summary>
    IReadOnlyList<string> Columns { get; }

    /// <summary>What a reader of the model's card should know.</summary>
    IReadOnlyList<string> Notes { get; }

    /// <param name="inputs">Raw inputs of shape [rows, 1], in the order of the columns it was fitted on.</param>
    /// <returns>Float tensor of shape [rows, number of <see cref="Columns"/>].</returns>
    Value Build(IReadOnlyList<Value> inputs);
}
