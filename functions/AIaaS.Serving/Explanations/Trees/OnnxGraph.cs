using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using AIaaS.Serving.Models;

namespace AIaaS.Serving.Explanations.Trees;

/// <summary>A model's graph as its nodes and constants, to be looked through and cut.</summary>
internal sealed class OnnxGraph
{
    private readonly Dictionary<string, ReadOnlyMemory<byte>> _constants = new(StringComparer.Ordinal);
    private readonly List<(string Name, ReadOnlyMemory<byte> Bytes)> _inputs = [];
    private readonly List<(int Field, ReadOnlyMemory<byte> Bytes)> _header = [];
    private readonly Dictionary<string, OnnxNode> _producers = new(StringComparer.Ordinal);

    private OnnxGraph()
    {
    }

    /// <summary>In the order of the file, in which a node comes after those that it reads from.</summary>
    public List<OnnxNode> Nodes { get; } = [];

    /// <summary>Whether nodes may be functions that the file defines.</summary>
    public bool HasFunctions { get; private set; }

    /// <exception cref="InvalidDataException">It is no ONNX model.</exception>
    public static OnnxGraph Read(ReadOnlyMemory<byte> file)
    {
        var result = new OnnxGraph();
        var model = new WireReader(file.Span);
        while (model.Next())
        {
            switch (model.Field)
            {
                case 1 when model.IsNumber:
                    result._header.Add((1, BitConverter.GetBytes(model.Number)));
                    break;
                case 7:
                    result.ReadGraph(file[(model.End - model.Message().Length)..model.End]);
                    break;
                case 8:
                    result._header.Add((8, file[(model.End - model.Message().Length)..model.End]));
                    break;
                case 25:
                    result.HasFunctions = true;
                    break;
            }
        }

        foreach (var node in result.Nodes)
        {
            foreach (var output in node.Outputs)
                result._producers[output] = node;
        }

        return result;
    }

    public OnnxNode? ProducerOf(string value) => _producers.GetValueOrDefault(value);

    public bool IsInput(string value) => !_constants.ContainsKey(value) && _inputs.Exists(i => i.Name == value);

    /// <summary>Whether a value is the same in every run.</summary>
    public bool IsConstant(string value) => _constants.ContainsKey(value);

    /// <summary>The elements of a constant; null where the value is no constant, or one of other things than numbers.</summary>
    public double[]? ConstantOf(string value) => _constants.TryGetValue(value, out var tensor) ? ReadNumbers(tensor.Span) : null;

    /// <summary>The nodes that a value is made by, in their order.</summary>
    public List<OnnxNode> AncestorsOf(params IEnumerable<string> values)
    {
        var needed = new HashSet<string>(values, StringComparer.Ordinal);
        var nodes = new List<OnnxNode>();
        for (var i = Nodes.Count - 1; i >= 0; i--)
        {
            if (!Array.Exists(Nodes[i].Outputs, needed.Contains))
                continue;
            nodes.Add(Nodes[i]);
            needed.UnionWith(Nodes[i].Inputs);
        }

        nodes.Reverse();
        return nodes;
    }

    /// <summary>The part of the graph that makes some of its values, as a model of its own.</summary>
    /// <param name="values">What it gives, as outputs 0, 1, … of the names <paramref name="outputs"/>.</param>
    /// <param name="inputs">The graph inputs that it takes.</param>
    /// <param name="outputs">Names of its outputs.</param>
    public byte[] Extract(IReadOnlyList<string> values, out string[] inputs, out string[] outputs)
    {
        var nodes = AncestorsOf(values);
        var read = nodes.SelectMany(n => n.Inputs).Concat(values).ToHashSet(StringComparer.Ordinal);
        var graph = new ArrayBufferWriter<byte>();
        foreach (var node in nodes)
            Write(graph, 1, node.Bytes.Span);
        outputs = [.. values.Select((_, i) => $"extracted:{i}")];
        for (var i = 0; i < outputs.Length; i++)
        {
            // Through a node of its own, since the value may be an input.
            var identity = new ArrayBufferWriter<byte>();
            Write(identity, 1, values[i]);
            Write(identity, 2, outputs[i]);
            Write(identity, 4, "Identity");
            Write(graph, 1, identity.WrittenSpan);
            var info = new ArrayBufferWriter<byte>();
            Write(info, 1, outputs[i]);
            Write(graph, 12, info.WrittenSpan);
        }

        Write(graph, 2, "extracted");
        foreach (var (name, tensor) in _constants)
        {
            if (read.Contains(name) && ProducerOf(name) is null)
                Write(graph, 5, tensor.Span);
        }

        var taken = _inputs.FindAll(i => read.Contains(i.Name));
        foreach (var (_, bytes) in taken)
            Write(graph, 11, bytes.Span);
        inputs = [.. taken.Where(i => IsInput(i.Name)).Select(i => i.Name)];

        var model = new ArrayBufferWriter<byte>();
        foreach (var (field, bytes) in _header)
        {
            if (field == 1)
            {
                WriteNumber(model, 1 << 3);
                WriteNumber(model, BinaryPrimitives.ReadUInt64LittleEndian(bytes.Span));
            }
            else
            {
                Write(model, field, bytes.Span);
            }
        }

        Write(model, 7, graph.WrittenSpan);
        return model.WrittenSpan.ToArray();
    }

    private void ReadGraph(ReadOnlyMemory<byte> bytes)
    {
        var graph = new WireReader(bytes.Span);
        while (graph.Next())
        {
            if (graph.Field is not (1 or 5 or 11))
                continue;
            var content = bytes[(graph.End - graph.Message().Length)..graph.End];
            switch (graph.Field)
            {
                case 1:
                    var node = OnnxNode.Read(content);
                    Nodes.Add(node);
                    if (node.Is("Constant") && node.Tensor("value") is { } value)
                        _constants[node.Outputs[0]] = value;
                    break;
                case 5:
                    _constants[NameOf(content.Span, 8)] = content;
                    break;
                default:
                    _inputs.Add((NameOf(content.Span, 1), content));
                    break;
            }
        }
    }

    private static string NameOf(ReadOnlySpan<byte> message, int field)
    {
        var reader = new WireReader(message);
        while (reader.Next())
        {
            if (reader.Field == field)
                return Encoding.UTF8.GetString(reader.Message());
        }

        return "";
    }

    private static double[]? ReadNumbers(ReadOnlySpan<byte> message)
    {
        var (type, singles, integers) = (0UL, new List<float>(), new List<long>());
        var raw = default(ReadOnlySpan<byte>);
        var tensor = new WireReader(message);
        while (tensor.Next())
        {
            switch (tensor.Field)
            {
                case 2:
                    type = tensor.Number;
                    break;
                case 4:
                    tensor.AddSinglesTo(singles);
                    break;
                case 5 or 7:
                    tensor.AddNumbersTo(integers);
                    break;
                case 9:
                    raw = tensor.Message();
                    break;
                case 10:
                    raw = tensor.Message();
                    break;
            }
        }

        // TensorProto.DataType: 1 float, 6 int32, 7 int64, 11 double.
        return type switch
        {
            1 => singles.Count > 0 ? [.. singles] : Convert<float>(raw),
            6 => integers.Count > 0 ? [.. integers] : Convert<int>(raw),
            7 => integers.Count > 0 ? [.. integers] : Convert<long>(raw),
            11 => Convert<double>(raw),
            _ => null,
        };

        static double[] Convert<T>(ReadOnlySpan<byte> raw)
            where T : unmanaged, System.Numerics.INumber<T>
        {
            var numbers = MemoryMarshal.Cast<byte, T>(raw);
            var result = new double[numbers.Length];
            for (var i = 0; i < result.Length; i++)
                result[i] = double.CreateTruncating(numbers[i]);
            return result;
        }
    }

    private static void Write(ArrayBufferWriter<byte> writer, int field, string text) => Write(writer, field, Encoding.UTF8.GetBytes(text));

    private static void Write(ArrayBufferWriter<byte> writer, int field, ReadOnlySpan<byte> content)
    {
        WriteNumber(writer, ((ulong)field << 3) | 2);
        WriteNumber(writer, (ulong)content.Length);
        writer.Write(content);
    }

    private static void WriteNumber(ArrayBufferWriter<byte> writer, ulong number)
    {
        Span<byte> bytes = stackalloc byte[10];
        var length = 0;
        for (; number >= 0x80; number >>= 7)
            bytes[length++] = (byte)(number | 0x80);
        bytes[length++] = (byte)number;
        writer.Write(bytes[..length]);
    }
}
