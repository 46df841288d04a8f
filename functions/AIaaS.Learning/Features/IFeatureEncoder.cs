using AIaaS.Learning.Onnx;
using AIaaS.Learning.Trainers;

namespace AIaaS.Learning.Features;

/// <summary>Learns from training rows how columns of some kinds become numbers. Another encoding is another implementation.</summary>
internal interface IFeatureEncoder
{
    bool Accepts(FeatureColumn column);

    /// <param name="columns">All accepted columns of the training rows, in the table's order; at least one.</param>
    /// <param name="context">What else there is to learn from.</param>
    IFittedEncoder Fit(IReadOnlyList<FeatureColumn> columns, EncoderContext context);
}

/// <param name="Target">What the training rows should give, row for row with the columns.</param>
/// <param name="Seed">The run's seed.</param>
internal sealed record EncoderContext(TrainerTarget Target, long Seed);

/// <summary>One number of a row after encoding.</summary>
/// <param name="Name">For people, for instance <c>island=Dream</c>.</param>
/// <param name="Source">The raw column that it comes from, or the first of them.</param>
/// <param name="Categories">Where the number is a category's code, how many codes there are (from 0); null for a quantity.</param>
internal sealed record FeatureSlot(string Name, string Source, int? Categories = null);

/// <summary>A fitted encoding as operators of a graph.</summary>
internal interface IFittedEncoder
{
    /// <summary>The numbers it makes.</summary>
    IReadOnlyList<FeatureSlot> Slots { get; }

    /// <summary>What a reader of the model's card should know.</summary>
    IReadOnlyList<string> Notes { get; }

    /// <summary>Numbers of the training rows where these are not what the graph gives for them, row after row; null where they are.</summary>
    float[]? TrainingValues() => null;

    /// <param name="inputs">Raw inputs of shape [rows, 1], in the order of the columns it was fitted on.</param>
    /// <returns>Float tensor of shape [rows, number of <see cref="Slots"/>].</returns>
    Value Build(IReadOnlyList<Value> inputs);
}
