using AIaaS.Formats;
using AIaaS.Learning.Onnx;
using AIaaS.Learning.Onnx.Operators;
using AIaaS.Learning.Runtime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Learning.Features;

/// <summary>Encoders fitted on training rows: the part of a model's graph between raw features and a row of numbers.</summary>
internal sealed class FeaturePipeline
{
    private readonly IReadOnlyList<FeatureInput> _inputs;
    private readonly IReadOnlyList<(IFittedEncoder Encoder, int[] Columns)> _encoders;
    private readonly PrincipalComponents? _components;

    private FeaturePipeline(
        IReadOnlyList<FeatureInput> inputs, IReadOnlyList<(IFittedEncoder Encoder, int[] Columns)> encoders, PrincipalComponents? components = null)
    {
        _inputs = inputs;
        _encoders = encoders;
        _components = components;
        Slots = components?.Slots ?? [.. encoders.SelectMany(e => e.Encoder.Slots)];
        Notes = [.. encoders.SelectMany(e => e.Encoder.Notes)];
        if (components is not null)
            Notes = [.. Notes, FormattableString.Invariant($"{components.Slots.Count(s => s.Categories is null)} principal components keep {components.Kept:P1} of the features' variance.")];
    }

    /// <summary>What each number of a row is.</summary>
    public IReadOnlyList<FeatureSlot> Slots { get; }

    public IReadOnlyList<string> Notes { get; }

    public int Width => Slots.Count;

    /// <exception cref="TrainingException">No encoder takes one of the columns.</exception>
    public static FeaturePipeline Fit(FeatureTable training, IReadOnlyList<FeatureInput> inputs, IReadOnlyList<IFeatureEncoder> encoders, EncoderContext context)
    {
        var taken = training.Columns.Select(column => encoders.FirstOrDefault(e => e.Accepts(column)) ?? throw new TrainingException(
            "A column cannot be used",
            $"The trainer has no use for '{column.Name}', a column of kind {column.Kind}. Choose another trainer, or drop the column.")).ToArray();
        return new(inputs, [.. encoders
            .Select(encoder => (Encoder: encoder, Columns: taken.Index().Where(t => t.Item == encoder).Select(t => t.Index).ToArray()))
            .Where(e => e.Columns.Length > 0)
            .Select(e => (e.Encoder.Fit([.. e.Columns.Select(c => training.Columns[c])], context), e.Columns))]);
    }

    /// <summary>Fits encoders on training rows and gives those rows as a trainer takes them, row after row of <see cref="Width"/> numbers.</summary>
    /// <param name="training">The rows.</param>
    /// <param name="inputs">The raw features.</param>
    /// <param name="encoders">The first that accepts a column gets it.</param>
    /// <param name="context">What else there is to learn from.</param>
    /// <param name="components">See <see cref="EncodingPlan.Components"/>.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="TrainingException">No encoder takes one of the columns.</exception>
    public static (FeaturePipeline Pipeline, float[] Features) FitTransform(
        FeatureTable training,
        IReadOnlyList<FeatureInput> inputs,
        IReadOnlyList<IFeatureEncoder> encoders,
        EncoderContext context,
        double? components,
        CancellationToken cancellationToken)
    {
        var pipeline = Fit(training, inputs, encoders, context);
        var features = pipeline.Transform(training, cancellationToken);
        pipeline.PutTrainingValues(features, training.Rows);
        if (components is not { } wanted)
            return (pipeline, features);

        var principal = PrincipalComponents.Fit(features, pipeline.Slots, wanted);
        var graph = new GraphBuilder("components");
        graph.Output("result", principal.Build(graph.Input("features", TensorElementType.Float, ["rows", pipeline.Width])));
        using var session = Sessions.Create(graph.ToModel());
        return (
            new FeaturePipeline(inputs, pipeline._encoders, principal),
            MatrixFeed.Run(session, "features", features, training.Rows, pipeline.Width, "result", principal.Slots.Count));
    }

    /// <summary>Adds the raw inputs to a graph that has no values yet: a tensor of shape [rows, 1] each.</summary>
    public static IReadOnlyList<Value> AddInputs(GraphBuilder graph, IReadOnlyList<FeatureInput> inputs) =>
        [.. inputs.Select(i => graph.Input(i.Input, i.IsText ? TensorElementType.String : TensorElementType.Float, ["rows", 1]))];

    /// <summary>Adds the encoders to a graph with these inputs; gives a float tensor of shape [rows, <see cref="Width"/>].</summary>
    public Value Build(IReadOnlyList<Value> inputs)
    {
        var features = _encoders.Select(e => e.Encoder.Build([.. e.Columns.Select(c => inputs[c])])).ToArray().Concat(axis: 1);
        return _components is null ? features : _components.Build(features);
    }

    /// <summary>Transforms rows by running the very graph that will serve; row after row of <see cref="Width"/> numbers.</summary>
    public float[] Transform(FeatureTable table, CancellationToken cancellationToken)
    {
        var graph = new GraphBuilder("features");
        graph.Output(FeatureInput.Reserve("features", _inputs), Build(AddInputs(graph, _inputs)));
        using var session = Sessions.Create(graph.ToModel());
        return TableFeed.Run(session, [.. _inputs.Select(i => i.Input)], table, graph.Outputs[0].Name, Width, cancellationToken);
    }

    private void PutTrainingValues(float[] features, int rows)
    {
        var at = 0;
        foreach (var (encoder, _) in _encoders)
        {
            var width = encoder.Slots.Count;
            if (encoder.TrainingValues() is { } values)
            {
                for (var row = 0; row < rows; row++)
                    values.AsSpan(row * width, width).CopyTo(features.AsSpan((row * Width) + at, width));
            }

            at += width;
        }
    }
}

/// <summary>A raw feature's input of the graph.</summary>
/// <param name="Name">The feature.</param>
/// <param name="Kind">What it means.</param>
/// <param name="Input">The graph input's name.</param>
internal sealed record FeatureInput(string Name, ColumnKind Kind, string Input, bool IsText)
{
    /// <summary>Names of outputs, which no input can have.</summary>
    public const string Label = "label";
    public const string Probabilities = "probabilities";
    public const string Value = "value";

    /// <summary>An input for each column: of its name, unless a graph could not have that.</summary>
    public static IReadOnlyList<FeatureInput> For(FeatureTable table)
    {
        var taken = new HashSet<string>(table.Columns.Select(c => c.Name).Append(Label).Append(Probabilities).Append(Value), StringComparer.Ordinal);
        return [.. table.Columns.Select(column => new FeatureInput(column.Name, column.Kind, InputName(column.Name), column is TextColumn))];

        string InputName(string feature)
        {
            // Names cross a C interface, so a NUL would end them; outputs have the others.
            if (feature.Length > 0 && !feature.Contains('\0') && feature is not (Label or Probabilities or Value))
                return feature;
            var stem = "feature_" + feature.Replace("\0", "", StringComparison.Ordinal);
            var name = stem;
            for (var i = 2; !taken.Add(name); i++)
                name = $"{stem}_{i}";
            return name;
        }
    }

    /// <summary>A name that no input has.</summary>
    public static string Reserve(string wanted, IReadOnlyList<FeatureInput> inputs)
    {
        while (inputs.Any(i => i.Input == wanted))
            wanted += "_";
        return wanted;
    }
}
