using AIaaS.Learning.Onnx.Protos;
using Google.Protobuf;

namespace AIaaS.Learning.Onnx;

/// <summary>An operator of a graph with what goes in and comes out.</summary>
/// <param name="Name">Unique in its graph.</param>
/// <param name="Operator">The operator's ONNX name.</param>
/// <param name="Domain">Empty for ONNX's own operators.</param>
/// <param name="Inputs">In the operator's order; null where an optional one is left out.</param>
/// <param name="Attributes">Values are <see cref="long"/>, <see cref="float"/>, <see cref="string"/>, arrays of these, a tensor, or a graph.</param>
internal sealed record Node(
    string Name,
    string Operator,
    string Domain,
    IReadOnlyList<Value?> Inputs,
    IReadOnlyDictionary<string, object> Attributes)
{
    public IReadOnlyList<Value> Outputs { get; internal set; } = [];

    public T Attribute<T>(string name, T absent) => Attributes.TryGetValue(name, out var value) ? (T)value : absent;

    public override string ToString() =>
        $"{Operator} '{Name}' ({string.Join(", ", Inputs.Select(i => i is null ? "-" : $"{i.Name}{i.Shape}"))})";

    internal NodeProto ToProto()
    {
        var proto = new NodeProto { Name = Name, OpType = Operator };
        if (Domain.Length > 0)
            proto.Domain = Domain;
        proto.Input.AddRange(Inputs.Select(i => i?.Name ?? ""));
        proto.Output.AddRange(Outputs.Select(o => o.Name));
        proto.Attribute.AddRange(Attributes.Select(a => AttributeOf(a.Key, a.Value)));
        return proto;
    }

    private static AttributeProto AttributeOf(string name, object value)
    {
        var proto = new AttributeProto { Name = name };
        switch (value)
        {
            case long integer:
                (proto.Type, proto.I) = (AttributeProto.Types.AttributeType.Int, integer);
                break;
            case float number:
                (proto.Type, proto.F) = (AttributeProto.Types.AttributeType.Float, number);
                break;
            case string text:
                (proto.Type, proto.S) = (AttributeProto.Types.AttributeType.String, ByteString.CopyFromUtf8(text));
                break;
            case TensorProto tensor:
                (proto.Type, proto.T) = (AttributeProto.Types.AttributeType.Tensor, tensor);
                break;
            case GraphProto graph:
                (proto.Type, proto.G) = (AttributeProto.Types.AttributeType.Graph, graph);
                break;
            case long[] integers:
                proto.Type = AttributeProto.Types.AttributeType.Ints;
                proto.Ints.AddRange(integers);
                break;
            case float[] numbers:
                proto.Type = AttributeProto.Types.AttributeType.Floats;
                proto.Floats.AddRange(numbers);
                break;
            case string[] texts:
                proto.Type = AttributeProto.Types.AttributeType.Strings;
                proto.Strings.AddRange(texts.Select(ByteString.CopyFromUtf8));
                break;
            default:
                throw new ArgumentException($"Attribute '{name}' cannot hold a {value.GetType().Name}.", nameof(value));
        }

        return proto;
    }
}
