using System.Globalization;
using AIaaS.Learning.Onnx.Protos;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Learning.Onnx;

/// <summary>Builds one ONNX graph (opset 17, IR 8). Nodes stay in the order of their making, which is a topological one.</summary>
/// <param name="name">Of the graph.</param>
/// <param name="prefix">What all names begin with: those of a graph within another must differ from the other's.</param>
internal sealed class GraphBuilder(string name, string prefix = "")
{
    public const string MachineLearningDomain = "ai.onnx.ml";

    /// <summary>Images and tokens of ONNX Runtime Extensions: a session has to register their library.</summary>
    public const string ExtensionsDomain = "com.microsoft.extensions";

    /// <summary>Texts of ONNX Runtime Extensions.</summary>
    public const string ContributedDomain = "ai.onnx.contrib";

    /// <summary>Operators that ONNX Runtime has beside ONNX's own, in every build.</summary>
    public const string RuntimeDomain = "com.microsoft";

    private const int OperatorSet = 17;
    private const int MachineLearningOperatorSet = 3;
    private const int ExtensionsOperatorSet = 1;
    private const int IrVersion = 8;

    private readonly HashSet<string> _names = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> _counters = new(StringComparer.Ordinal);
    private readonly List<Value> _inputs = [];
    private readonly List<Value> _outputs = [];
    private readonly List<Node> _nodes = [];
    private readonly Dictionary<Value, TensorProto> _initializers = [];
    private readonly Dictionary<(double, TensorElementType), Value> _scalars = [];

    public IReadOnlyList<Value> Inputs => _inputs;

    public IReadOnlyList<Value> Outputs => _outputs;

    public IReadOnlyList<Node> Nodes => _nodes;

    public Dictionary<string, string> Metadata { get; } = new(StringComparer.Ordinal);

    public Value Input(string inputName, TensorElementType type, Shape shape)
    {
        var value = new Value(this, Reserve(inputName), type, shape, producer: null);
        _inputs.Add(value);
        return value;
    }

    /// <summary>An initializer: weights, or any constant tensor.</summary>
    /// <param name="constantName">What it is; made unique where the name is taken.</param>
    /// <param name="data">See <see cref="Tensors.Create"/>.</param>
    /// <param name="dimensions">Its shape.</param>
    public Value Constant(string constantName, Array data, params ReadOnlySpan<long> dimensions)
    {
        var value = new Value(this, Unique(constantName), Tensors.TypeOf(data), Shape.Of(dimensions.ToArray().Select(d => (Dimension)d)), producer: null);
        _initializers.Add(value, Tensors.Create(value.Name, data, dimensions));
        return value;
    }

    /// <summary>The elements of an initializer.</summary>
    public T[] ConstantOf<T>(Value value)
        where T : unmanaged =>
        _initializers.TryGetValue(value, out var tensor)
            ? Tensors.Read<T>(tensor)
            : throw new ArgumentException($"'{value.Name}' is not known before the graph runs.", nameof(value));

    /// <summary>A vector of integers, as operators take axes and shapes.</summary>
    public Value Vector(string constantName, params long[] data) => Constant(constantName, data, data.Length);

    public Value Scalar(double value, TensorElementType type)
    {
        if (!_scalars.TryGetValue((value, type), out var scalar))
        {
            Array data = type switch
            {
                TensorElementType.Float => new[] { (float)value },
                TensorElementType.Double => new[] { value },
                TensorElementType.Int64 => new[] { (long)value },
                TensorElementType.Int32 => new[] { (int)value },
                _ => throw new ArgumentException($"No scalars of type {type}.", nameof(type)),
            };
            scalar = Constant("constant_" + value.ToString("R", CultureInfo.InvariantCulture), data, []);
            _scalars.Add((value, type), scalar);
        }

        return scalar;
    }

    /// <summary>Adds an operator with one output of the given type and shape.</summary>
    public Value Apply(string op, IReadOnlyList<Value?> inputs, TensorElementType type, Shape shape, params ReadOnlySpan<(string Name, object Value)> attributes) =>
        Apply(op, inputs, [(type, shape)], "", attributes)[0];

    /// <summary>Adds an operator of any domain with any number of outputs.</summary>
    public IReadOnlyList<Value> Apply(
        string op,
        IReadOnlyList<Value?> inputs,
        IReadOnlyList<(TensorElementType Type, Shape Shape)> outputs,
        string domain = "",
        params ReadOnlySpan<(string Name, object Value)> attributes)
    {
        if (inputs.FirstOrDefault(i => i is not null && i.Graph != this) is { } foreign)
            throw new ArgumentException($"'{foreign.Name}' belongs to another graph.", nameof(inputs));

        var values = new Dictionary<string, object>(StringComparer.Ordinal);
        foreach (var (attribute, value) in attributes)
            values.Add(attribute, value);

        var nodeName = Unique(op);
        var node = new Node(nodeName, op, domain, inputs, values);
        node.Outputs = [.. outputs.Select((o, i) => new Value(this, i == 0 ? nodeName : Unique($"{nodeName}_output"), o.Type, o.Shape, node))];
        _nodes.Add(node);
        return node.Outputs;
    }

    /// <summary>An optional output of a node that was made without it.</summary>
    /// <param name="index">Its position; all before it must be there.</param>
    public Value OptionalOutput(Node node, int index, TensorElementType type, Shape shape)
    {
        if (index == node.Outputs.Count)
            node.Outputs = [.. node.Outputs, new Value(this, Unique($"{node.Name}_output"), type, shape, node)];
        return node.Outputs[index];
    }

    /// <summary>Makes a value an output of the graph under this name.</summary>
    public Value Output(string outputName, Value value)
    {
        if (value.Producer is null || _outputs.Contains(value))
            value = Apply("Identity", [value], value.Type, value.Shape);
        value.Name = Reserve(outputName);
        _outputs.Add(value);
        return value;
    }

    /// <summary>Begins a graph that is to be an attribute of one of this graph's nodes.</summary>
    public GraphBuilder Inner(string innerName) => new(innerName, Unique(innerName) + "/");

    /// <summary>The finished model; nodes and constants that no output needs are left out.</summary>
    public ModelProto ToModel()
    {
        var needed = new HashSet<Value>(_outputs);
        var nodes = new List<Node>();
        foreach (var node in Enumerable.Reverse(_nodes).Where(n => n.Outputs.Any(needed.Contains)))
        {
            nodes.Add(node);
            needed.UnionWith(node.Inputs.OfType<Value>());
        }

        nodes.Reverse();
        var graph = new GraphProto { Name = name };
        graph.Node.AddRange(nodes.Select(n => n.ToProto()));
        graph.Initializer.AddRange(_initializers.Where(i => needed.Contains(i.Key)).Select(i => i.Value));
        graph.Input.AddRange(_inputs.Select(Describe));
        graph.Output.AddRange(_outputs.Select(Describe));

        var domains = graph.Node.SelectMany(DomainsOf).ToHashSet();
        var model = new ModelProto { IrVersion = IrVersion, ProducerName = "AIaaS.Functions", Graph = graph };
        model.OpsetImport.Add(new OperatorSetIdProto { Domain = "", Version = OperatorSet });
        if (domains.Contains(MachineLearningDomain))
            model.OpsetImport.Add(new OperatorSetIdProto { Domain = MachineLearningDomain, Version = MachineLearningOperatorSet });
        foreach (var domain in domains.Where(d => d is ExtensionsDomain or ContributedDomain or RuntimeDomain))
            model.OpsetImport.Add(new OperatorSetIdProto { Domain = domain, Version = ExtensionsOperatorSet });
        model.MetadataProps.AddRange(Metadata.Select(m => new StringStringEntryProto { Key = m.Key, Value = m.Value }));
        return model;
    }

    private static IEnumerable<string> DomainsOf(NodeProto node) =>
        node.Attribute.Where(attribute => attribute.G is not null).SelectMany(attribute => attribute.G.Node).SelectMany(DomainsOf).Prepend(node.Domain);

    private static ValueInfoProto Describe(Value value)
    {
        var shape = new TensorShapeProto();
        foreach (var dimension in value.Shape)
        {
            shape.Dim.Add(dimension.Size is { } size
                ? new TensorShapeProto.Types.Dimension { DimValue = size }
                : new TensorShapeProto.Types.Dimension { DimParam = dimension.Name });
        }

        return new ValueInfoProto
        {
            Name = value.Name,
            Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = (int)value.Type, Shape = shape } },
        };
    }

    private string Reserve(string wanted)
    {
        ArgumentException.ThrowIfNullOrEmpty(wanted);
        wanted = prefix + wanted;
        return _names.Add(wanted) ? wanted : throw new ArgumentException($"The graph already has a value named '{wanted}'.", nameof(wanted));
    }

    private string Unique(string stem)
    {
        stem = prefix + stem;
        var unique = stem;
        while (!_names.Add(unique))
        {
            var count = _counters.GetValueOrDefault(stem) + 1;
            _counters[stem] = count;
            unique = string.Create(CultureInfo.InvariantCulture, $"{stem}_{count}");
        }

        return unique;
    }
}
