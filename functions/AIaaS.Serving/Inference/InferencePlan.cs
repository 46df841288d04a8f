using System.Text;
using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Serving.Predictions;
using Microsoft.ML.OnnxRuntime;

namespace AIaaS.Serving.Inference;

/// <summary>The graph's inputs and outputs as the protocol sees them, worked out once per loaded model.</summary>
internal sealed class InferencePlan
{
    private readonly Dictionary<byte[], int>.AlternateLookup<ReadOnlySpan<byte>> _inputsByName;
    private readonly Dictionary<byte[], int>.AlternateLookup<ReadOnlySpan<byte>> _outputsByName;

    private readonly bool _hasFeatures;
    private readonly bool[] _apart;
    private volatile bool _isKnownToMix;

    private InferencePlan(TensorPlan[] inputs, TensorPlan[] outputs, int symbols, string? unfed, PredictionPlan? rows)
    {
        (Inputs, Outputs, Symbols, UnfedInput) = (inputs, outputs, symbols, unfed);
        HasImages = inputs.Any(i => i.IsImage);
        HasRows = inputs.Length > 0 && !HasImages && unfed is null && inputs.All(i => i.Shape is [-1, ..]);
        _hasFeatures = rows is not null;
        _apart = [.. outputs.Select(o => HasRows && rows is { KeepsRowsApart: true } && rows.Outputs.Any(r => r.Output.Name == o.Name))];
        InputNames = [.. inputs.Select(i => i.Metadata.Name)];
        OutputNames = [.. outputs.Select(o => o.Metadata.Name)];
        _inputsByName = Index(InputNames);
        _outputsByName = Index(OutputNames);
    }

    public TensorPlan[] Inputs { get; }

    /// <summary>Those that the protocol can give: tensors of a datatype it has.</summary>
    public TensorPlan[] Outputs { get; }

    public string[] InputNames { get; }

    public string[] OutputNames { get; }

    /// <summary>How many named dimensions the inputs have.</summary>
    public int Symbols { get; }

    /// <summary>An input that the protocol has no datatype for, so that the model cannot be run; else null.</summary>
    public string? UnfedInput { get; }

    /// <summary>Whether an input is decoded as an image.</summary>
    public bool HasImages { get; }

    /// <summary>Whether all inputs have a first dimension that varies, so that it may be one of rows.</summary>
    public bool HasRows { get; }

    /// <summary>Rows of a request: the first dimension that its inputs share where that is one of rows, else 1.</summary>
    public int RowsOf(InferenceWorkspace workspace) =>
        _hasFeatures || _apart.Contains(true) ? SharedRowsOf(workspace) ?? 1 : 1;

    /// <summary>Whether each row of the outputs that a request asks for is made of the same row of its inputs alone.</summary>
    public bool KeepsRowsApart(InferenceWorkspace workspace)
    {
        if (IsKnownToMix || SharedRowsOf(workspace) is null or 0)
            return false;
        return workspace.Requested.Count == 0 ? !_apart.Contains(false) : workspace.Requested.TrueForAll(r => _apart[r.Output]);
    }

    /// <summary>Whether rows turned out not to be apart, which probes cannot show of all inputs.</summary>
    public bool IsKnownToMix => _isKnownToMix;

    /// <summary>Has all tensors run whole from now on, those that wait too.</summary>
    public void NoteMixing() => _isKnownToMix = true;

    /// <summary>Runs a graph without features on tensors that are made up: to find out whether it keeps rows apart, and so that later runs are faster.</summary>
    /// <param name="session">Of the graph.</param>
    /// <param name="measured">Given the rows of each run and the timestamp ticks it took.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public void Probe(InferenceSession session, Action<int, long> measured, TimeProvider time, CancellationToken cancellationToken)
    {
        if (UnfedInput is null && !HasImages)
            TensorProbe.Run(session, this, measured, time, cancellationToken)?.CopyTo(_apart, 0);
    }

    /// <returns>-1 where there is none.</returns>
    public int FindInput(ReadOnlySpan<byte> utf8Name) => _inputsByName.TryGetValue(utf8Name, out var index) ? index : -1;

    /// <returns>-1 where there is none.</returns>
    public int FindOutput(ReadOnlySpan<byte> utf8Name) => _outputsByName.TryGetValue(utf8Name, out var index) ? index : -1;

    public static InferencePlan Create(InferenceSession session, ModelSignature signature, PredictionPlan? rows, IReadOnlySet<string> images)
    {
        var symbols = new Dictionary<string, int>(StringComparer.Ordinal);
        var classes = (signature.Target?.Classes ?? []).Select(c => ClassPlan.Of(c).Utf8Text).ToArray();
        var scores = signature.Outputs.FirstOrDefault(o => o.Role == OutputRole.Probabilities)?.Name;
        string? unfed = null;
        var inputs = new List<TensorPlan>();
        foreach (var (name, node) in session.InputMetadata)
        {
            if (DatatypeOf(node) is { } datatype)
                inputs.Add(new(new(name, datatype.Name, ShapeOf(node)), datatype, SymbolsOf(node), [], images.Contains(name)));
            else
                unfed ??= name;
        }

        var outputs = session.OutputMetadata
            .Select(o => (Name: o.Key, Node: o.Value, Datatype: DatatypeOf(o.Value)))
            .Where(o => o.Datatype is not null)
            .Select(o => new TensorPlan(new(o.Name, o.Datatype!.Name, ShapeOf(o.Node)), o.Datatype, [], o.Name == scores ? classes : [], IsImage: false))
            .ToArray();
        return new([.. inputs], outputs, symbols.Count, unfed, rows);

        int[] SymbolsOf(NodeMetadata node)
        {
            var indexes = new int[node.Dimensions.Length];
            for (var i = 0; i < indexes.Length; i++)
            {
                var symbol = node.Dimensions[i] < 0 ? node.SymbolicDimensions[i] : "";
                if (symbol.Length == 0)
                    indexes[i] = -1;
                else if (!symbols.TryGetValue(symbol, out indexes[i]))
                    symbols[symbol] = indexes[i] = symbols.Count;
            }

            return indexes;
        }
    }

    /// <returns>Null where the first dimensions of the inputs are not of rows, or differ.</returns>
    private int? SharedRowsOf(InferenceWorkspace workspace)
    {
        if (!HasRows)
            return null;
        var rows = workspace.ShapeOf(0)[0];
        for (var input = 1; input < Inputs.Length; input++)
        {
            if (workspace.ShapeOf(input)[0] != rows)
                return null;
        }

        return (int)rows;
    }

    private static Datatype? DatatypeOf(NodeMetadata node) => node.IsTensor ? Datatype.Of(node.ElementDataType) : null;

    private static long[] ShapeOf(NodeMetadata node) => [.. node.Dimensions.Select(d => d < 0 ? -1L : d)];

    private static Dictionary<byte[], int>.AlternateLookup<ReadOnlySpan<byte>> Index(string[] names)
    {
        var index = new Dictionary<byte[], int>(Utf8Comparer.Instance);
        foreach (var name in names)
            index.Add(Encoding.UTF8.GetBytes(name), index.Count);
        return index.GetAlternateLookup<ReadOnlySpan<byte>>();
    }
}

/// <param name="Metadata">As callers see it.</param>
/// <param name="Datatype">Its datatype.</param>
/// <param name="Symbols">For each dimension the index of its name among all inputs' names, -1 where it has none.</param>
/// <param name="Labels">UTF-8 names of the classes along its last dimension; empty where it has none.</param>
/// <param name="IsImage">Whether its bytes are a file that the graph decodes.</param>
internal sealed record TensorPlan(TensorMetadata Metadata, Datatype Datatype, int[] Symbols, byte[][] Labels, bool IsImage)
{
    public string Name => Metadata.Name;

    /// <summary>The input in messages.</summary>
    public string Subject { get; } = $"the input '{Metadata.Name}'";

    public JsonEncodedText JsonName { get; } = JsonEncodedText.Encode(Metadata.Name, PredictionPlan.Encoder);

    /// <summary>-1 where a dimension varies. Empty for a scalar, and for a graph that does not tell the number of dimensions.</summary>
    public long[] Shape { get; } = [.. Metadata.Shape];
}

/// <summary>An input or output of a model.</summary>
/// <param name="Name">Its name in the graph.</param>
/// <param name="Datatype">Its datatype as the protocol names it, for instance <c>FP32</c>.</param>
/// <param name="Shape">Its shape; -1 where a dimension varies.</param>
public sealed record TensorMetadata(string Name, string Datatype, IReadOnlyList<long> Shape);

/// <summary>What a model takes and gives.</summary>
/// <param name="Inputs">All of them are required.</param>
/// <param name="Outputs">Its tensors; what is no tensor cannot be given by the protocol.</param>
public sealed record TensorSignature(IReadOnlyList<TensorMetadata> Inputs, IReadOnlyList<TensorMetadata> Outputs);
