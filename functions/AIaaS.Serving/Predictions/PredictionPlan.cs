using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Serving.Models;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Serving.Predictions;

/// <summary>What a signature and its graph say, worked out once per load and checked against each other.</summary>
internal sealed class PredictionPlan
{
    private readonly Dictionary<byte[], int>.AlternateLookup<ReadOnlySpan<byte>> _featuresByName;
    private readonly Dictionary<byte[], int>.AlternateLookup<ReadOnlySpan<byte>> _classesByText;

    private PredictionPlan(
        ModelSignature signature, FeaturePlan[] features, OutputPlan[] outputs, ClassPlan[] classes, bool runsSingleRows, bool keepsRowsApart)
    {
        RunsSingleRows = runsSingleRows;
        KeepsRowsApart = keepsRowsApart;
        Signature = signature;
        Features = features;
        Outputs = outputs;
        Classes = classes;
        FeatureOrder = [.. Enumerable.Range(0, features.Length)];
        _featuresByName = Index(features.Select(f => f.Utf8Name));
        _classesByText = Index(classes.Select(c => c.Utf8Text));
    }

    /// <summary>As in the documents, so that a label reads the same everywhere.</summary>
    public static JavaScriptEncoder Encoder => JavaScriptEncoder.UnsafeRelaxedJsonEscaping;

    public ModelSignature Signature { get; }

    public FeaturePlan[] Features { get; }

    /// <summary>The index of each feature: the columns of rows that name none.</summary>
    public int[] FeatureOrder { get; }

    public OutputPlan[] Outputs { get; }

    /// <summary>In the order of the probabilities; empty where there are none.</summary>
    public ClassPlan[] Classes { get; }

    /// <summary>Whether the graph has no dimension for rows, so that each is run by itself.</summary>
    public bool RunsSingleRows { get; }

    /// <summary>Whether a row's outputs are the same whichever other rows it is run with, so that requests may share a run.</summary>
    public bool KeepsRowsApart { get; }

    /// <summary>Whether a row's outputs may depend on those it is run with, so that a request's rows have to run together.</summary>
    public bool MixesRows => !KeepsRowsApart && !RunsSingleRows;

    /// <returns>-1 where the model has no such feature.</returns>
    public int FindFeature(ReadOnlySpan<byte> utf8Name) => _featuresByName.TryGetValue(utf8Name, out var index) ? index : -1;

    /// <returns>-1 where there is no such class.</returns>
    public int FindClass(ReadOnlySpan<byte> utf8Text) => _classesByText.TryGetValue(utf8Text, out var index) ? index : -1;

    /// <exception cref="ModelLoadException">The signature is not true of the graph, or asks for what is not served.</exception>
    public static PredictionPlan Create(ModelReference reference, ModelSignature signature, InferenceSession session, IReadOnlySet<string> images, CancellationToken cancellationToken)
    {
        var singleRows = signature.Inputs.All(HasOneRow);
        var features = signature.Inputs.Select(f => FeatureOf(f)).ToArray();
        RefuseDuplicates(features.Select(f => f.Feature.Name), "feature");
        RefuseDuplicates(features.Select(f => f.Feature.Input), "graph input");
        if (session.InputMetadata.Keys.FirstOrDefault(i => features.All(f => f.Feature.Input != i)) is { } unfed)
            throw Refusal($"its signature has no feature for the graph's input '{unfed}'.");

        var classes = (signature.Target?.Classes ?? []).Select(ClassPlan.Of).ToArray();
        RefuseDuplicates(classes.Select(c => c.Text), "class");
        if (signature.Outputs.Count == 0)
            throw Refusal("its signature has no outputs.");
        var (outputs, apart) = Measure(signature.Outputs.Select(OutputOf).ToArray());
        RefuseDuplicates(outputs.Select(o => o.Output.Role == OutputRole.Other ? o.Output.Name : o.Output.Role.ToString()), "output");
        foreach (var output in outputs)
        {
            if (output.Output.Role == OutputRole.Probabilities && output.Width != classes.Length)
                throw Refusal($"its output '{output.Output.Name}' gives {output.Width} probabilities for {classes.Length} classes.");
            if (output.Output.Role is not (OutputRole.Probabilities or OutputRole.Items or OutputRole.Scores or OutputRole.Other) && output.Width != 1)
                throw Refusal($"its output '{output.Output.Name}' gives {output.Width} values for each row instead of one.");
        }

        RequirePair(OutputRole.Lower, OutputRole.Upper);
        RequirePair(OutputRole.Upper, OutputRole.Lower);
        RequirePair(OutputRole.Scores, OutputRole.Items);

        return new(signature, features, outputs, classes, singleRows, apart);

        void RequirePair(OutputRole role, OutputRole other)
        {
            if (outputs.FirstOrDefault(o => o.Output.Role == role) is { } one && outputs.All(o => o.Output.Role != other || o.Width != one.Width))
                throw Refusal($"its output '{one.Output.Name}' is {role}, and needs an output {other} with as many values.");
        }

        ModelLoadException Refusal(string reason) => new(reference, reason);

        void RefuseDuplicates(IEnumerable<string> names, string what)
        {
            if (names.GroupBy(n => n, StringComparer.Ordinal).FirstOrDefault(g => g.Skip(1).Any()) is { } twice)
                throw Refusal($"its signature has the {what} '{twice.Key}' twice.");
        }

        FeaturePlan FeatureOf(ModelFeature feature)
        {
            if (!session.InputMetadata.TryGetValue(feature.Input, out var input))
                throw Refusal($"its graph has no input '{feature.Input}' for the feature '{feature.Name}'.");
            var type = ElementTypeOf(feature.Type);
            if (!input.IsTensor || input.ElementDataType != type)
                throw Refusal($"its graph takes '{feature.Input}' as {Describe(input)}, its signature gives it as {feature.Type}.");
            if (feature.Kind != ColumnKind.Image && images.Contains(feature.Input))
                throw Refusal($"its graph decodes '{feature.Input}' as an image, its signature says that the feature '{feature.Name}' is {feature.Kind}.");
            if (feature.Kind == ColumnKind.Image && (type != TensorElementType.UInt8 || !singleRows))
                throw Refusal($"its feature '{feature.Name}' is an image; the graph then takes one image as the bytes of its file (Uint8 of the shape [bytes]), and all other features in the shape [1].");
            if (!singleRows && input.Dimensions is not ([-1] or [-1, 1 or -1]))
                throw Refusal($"its graph takes '{feature.Input}' in the shape [{string.Join(", ", input.Dimensions)}]; a feature has the shape [rows, 1].");
            return new(feature, type, input.Dimensions.Length);
        }

        OutputPlan OutputOf(ModelOutput output)
        {
            if (!session.OutputMetadata.TryGetValue(output.Name, out var given))
                throw Refusal($"its graph has no output '{output.Name}'.");
            var type = ElementTypeOf(output.Type);
            if (!given.IsTensor || given.ElementDataType != type)
                throw Refusal($"its graph gives '{output.Name}' as {Describe(given)}, its signature says {output.Type}.");
            return new(output, type, []);
        }

        bool HasOneRow(ModelFeature feature) =>
            session.InputMetadata.TryGetValue(feature.Input, out var input) && input.IsTensor
            && (feature.Kind == ColumnKind.Image ? input.Dimensions is [-1] : input.Dimensions is [1] or [1, 1]);

        // Graphs seldom declare all dimensions of their outputs; running rows shows them, and whether the rows stay apart.
        (OutputPlan[] Outputs, bool Apart) Measure(OutputPlan[] outputs)
        {
            var rows = new RowBuffer(features);
            rows.AddExample();
            if (!singleRows)
                rows.AddExample();
            using var results = Run(rows);
            var measured = outputs.Select((output, i) => output with
            {
                Tail = TailOf(output, results[i], rows.Rows),
                HasRows = results[i].GetTensorTypeAndShape().Shape.Length > 0,
            }).ToArray();
            return (measured, !singleRows && KeepsRowsApart());
        }

        bool KeepsRowsApart()
        {
            try
            {
                using var first = Run(Probes(false));
                using var second = Run(Probes(true));
                using var together = Run(Probes([.. RowComparison.Together]));
                return Enumerable.Range(0, together.Count).All(i => RowComparison.AreEqual(first[i], second[i], together[i]));
            }
            catch (OnnxRuntimeException) when (!cancellationToken.IsCancellationRequested)
            {
                // The rows are made up, and a model may well fail on them.
                return false;
            }
        }

        RowBuffer Probes(params bool[] areSecond)
        {
            var rows = new RowBuffer(features);
            foreach (var isSecond in areSecond)
                rows.AddProbe(isSecond);
            return rows;
        }

        IDisposableReadOnlyCollection<OrtValue> Run(RowBuffer rows)
        {
            using var runOptions = new RunOptions();
            using var registration = cancellationToken.UnsafeRegister(static o => ((RunOptions)o!).Terminate = true, runOptions);
            var inputs = rows.CreateValues(0, rows.Rows);
            try
            {
                return session.Run(runOptions, [.. features.Select(f => f.Feature.Input)], inputs, [.. signature.Outputs.Select(o => o.Name)]);
            }
            finally
            {
                foreach (var input in inputs)
                    input.Dispose();
            }
        }

        long[] TailOf(OutputPlan output, OrtValue value, int rows)
        {
            var shape = value.GetTensorTypeAndShape().Shape;
            if (shape is [var length, .. var tail] && length == rows)
                return tail;
            return shape is [] && singleRows
                ? []
                : throw Refusal($"its output '{output.Output.Name}' has the shape [{string.Join(", ", shape)}] for {rows} rows; the first dimension must be the rows.");
        }
    }

    private static string Describe(NodeMetadata node) => node.IsTensor ? $"a tensor of {node.ElementDataType}" : $"{node.OnnxValueType}";

    private static TensorElementType ElementTypeOf(TensorType type) => type switch
    {
        TensorType.Float32 => TensorElementType.Float,
        TensorType.Float64 => TensorElementType.Double,
        TensorType.Int32 => TensorElementType.Int32,
        TensorType.Int64 => TensorElementType.Int64,
        TensorType.Bool => TensorElementType.Bool,
        TensorType.String => TensorElementType.String,
        TensorType.Uint8 => TensorElementType.UInt8,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, null),
    };

    private static Dictionary<byte[], int>.AlternateLookup<ReadOnlySpan<byte>> Index(IEnumerable<byte[]> names)
    {
        var index = new Dictionary<byte[], int>(Utf8Comparer.Instance);
        foreach (var name in names)
            index.Add(name, index.Count);
        return index.GetAlternateLookup<ReadOnlySpan<byte>>();
    }
}

/// <param name="Feature">The feature.</param>
/// <param name="ElementType">Element type of its graph input.</param>
/// <param name="Rank">1 for an input of shape [rows], 2 for [rows, 1].</param>
internal sealed record FeaturePlan(ModelFeature Feature, TensorElementType ElementType, int Rank)
{
    public byte[] Utf8Name { get; } = Encoding.UTF8.GetBytes(Feature.Name);

    /// <summary>The name as a property, colon included; empty where JSON has to escape it.</summary>
    public byte[] Utf8Key { get; } = Feature.Name.Any(c => c is '"' or '\\' or < ' ') ? [] : Encoding.UTF8.GetBytes($"\"{Feature.Name}\":");

    /// <summary>Whether its values are numbers that may be missing.</summary>
    public bool TakesNumbers { get; } = ElementType is TensorElementType.Float or TensorElementType.Double && Feature.Kind is not (ColumnKind.Boolean or ColumnKind.Datetime);

    public long[] ShapeOf(int rows) => Rank == 1 ? [rows] : [rows, 1];
}

/// <param name="Output">The output.</param>
/// <param name="ElementType">Its element type.</param>
/// <param name="Tail">Its shape after the rows.</param>
internal sealed record OutputPlan(ModelOutput Output, TensorElementType ElementType, long[] Tail)
{
    /// <summary>False for a single value of a graph that takes one row at a time.</summary>
    public bool HasRows { get; init; } = true;

    public JsonEncodedText Name { get; } = JsonEncodedText.Encode(Output.Name, PredictionPlan.Encoder);

    /// <summary>Elements per row.</summary>
    public int Width => (int)Tail.Aggregate(1L, (product, length) => checked(product * length));

    public long[] ShapeOf(int rows) => HasRows ? [rows, .. Tail] : [];
}

/// <summary>A class of a classification.</summary>
/// <param name="Value">As JSON of the target column's type.</param>
/// <param name="Text">Its string form.</param>
internal sealed record ClassPlan(JsonElement Value, string Text)
{
    public byte[] Utf8Text { get; } = Encoding.UTF8.GetBytes(Text);

    /// <summary>The string form as a property name.</summary>
    public JsonEncodedText Name { get; } = JsonEncodedText.Encode(Text, PredictionPlan.Encoder);

    /// <summary>The value as it is written.</summary>
    public byte[] Json { get; } = Value.ValueKind == JsonValueKind.String
        ? Encoding.UTF8.GetBytes($"\"{JsonEncodedText.Encode(Text, PredictionPlan.Encoder)}\"")
        : Encoding.UTF8.GetBytes(Value.GetRawText());

    public bool IsNumber => Value.ValueKind == JsonValueKind.Number;

    public static ClassPlan Of(JsonElement value) =>
        new(value, value.ValueKind == JsonValueKind.String ? value.GetString()! : value.GetRawText());
}
