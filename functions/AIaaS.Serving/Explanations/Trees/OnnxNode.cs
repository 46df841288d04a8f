using System.Text;
using AIaaS.Serving.Models;

namespace AIaaS.Serving.Explanations.Trees;

/// <summary>An operator of a graph.</summary>
/// <param name="Bytes">As it is in the file.</param>
internal sealed record OnnxNode(string Type, string Domain, string[] Inputs, string[] Outputs, ReadOnlyMemory<byte> Bytes)
{
    public const string MachineLearningDomain = "ai.onnx.ml";

    private readonly Dictionary<string, ReadOnlyMemory<byte>> _attributes = [];

    /// <summary>Whether it has a graph of its own that reads other values than this node's inputs.</summary>
    public bool ReadsAround { get; private init; }

    public bool Is(string type, string domain = "") => Type == type && (Domain == domain || (domain.Length == 0 && Domain == "ai.onnx"));

    public static OnnxNode Read(ReadOnlyMemory<byte> bytes)
    {
        var (type, domain, inputs, outputs, readsAround) = ("", "", new List<string>(), new List<string>(), false);
        var attributes = new Dictionary<string, ReadOnlyMemory<byte>>(StringComparer.Ordinal);
        var node = new WireReader(bytes.Span);
        while (node.Next())
        {
            switch (node.Field)
            {
                case 1:
                    inputs.Add(Encoding.UTF8.GetString(node.Message()));
                    break;
                case 2:
                    outputs.Add(Encoding.UTF8.GetString(node.Message()));
                    break;
                case 4:
                    type = Encoding.UTF8.GetString(node.Message());
                    break;
                case 5:
                    var content = bytes[(node.End - node.Message().Length)..node.End];
                    var name = "";
                    var attribute = new WireReader(content.Span);
                    while (attribute.Next())
                    {
                        if (attribute.Field == 1)
                            name = Encoding.UTF8.GetString(attribute.Message());
                        readsAround |= attribute.Field is 6 or 11 && IsOpen(attribute.Message());
                    }

                    attributes[name] = content;
                    break;
                case 7:
                    domain = Encoding.UTF8.GetString(node.Message());
                    break;
            }
        }

        return new(type, domain, [.. inputs], [.. outputs], bytes, attributes) { ReadsAround = readsAround };
    }

    /// <summary>Whether an inner graph reads what it does not make or take itself; one with graphs within is taken to do so.</summary>
    private static bool IsOpen(ReadOnlySpan<byte> graph)
    {
        var (own, read) = (new HashSet<string>(StringComparer.Ordinal), new HashSet<string>(StringComparer.Ordinal));
        var reader = new WireReader(graph);
        while (reader.Next())
        {
            switch (reader.Field)
            {
                case 1:
                    var node = new WireReader(reader.Message());
                    while (node.Next())
                    {
                        if (node.Field is 1 or 2)
                            (node.Field == 1 ? read : own).Add(Encoding.UTF8.GetString(node.Message()));
                        if (node.Field == 5 && HasGraph(node.Message()))
                            return true;
                    }

                    break;
                case 5:
                    own.Add(NameOf(reader.Message(), 8));
                    break;
                case 11:
                    own.Add(NameOf(reader.Message(), 1));
                    break;
                case 12:
                    read.Add(NameOf(reader.Message(), 1));
                    break;
            }
        }

        read.Remove("");
        return !read.IsSubsetOf(own);
    }

    private static bool HasGraph(ReadOnlySpan<byte> attribute)
    {
        var reader = new WireReader(attribute);
        while (reader.Next())
        {
            if (reader.Field is 6 or 11)
                return true;
        }

        return false;
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

    private OnnxNode(string type, string domain, string[] inputs, string[] outputs, ReadOnlyMemory<byte> bytes, Dictionary<string, ReadOnlyMemory<byte>> attributes)
        : this(type, domain, inputs, outputs, bytes) => _attributes = attributes;

    public bool Has(string attribute) => _attributes.ContainsKey(attribute);

    public long Integer(string attribute, long absent) => Integers(attribute, 3) is [var only, ..] ? only : absent;

    public long[] Integers(string attribute) => Integers(attribute, 8);

    public float[] Singles(string attribute)
    {
        var singles = new List<float>();
        var reader = ReaderOf(attribute);
        while (reader.Next())
        {
            if (reader.Field == 7)
                reader.AddSinglesTo(singles);
        }

        return [.. singles];
    }

    public string Text(string attribute, string absent) => Texts(attribute, 4) is [var only, ..] ? only : absent;

    public string[] Texts(string attribute) => Texts(attribute, 9);

    /// <summary>An attribute that is a tensor, as it is in the file; null where there is none.</summary>
    public ReadOnlyMemory<byte>? Tensor(string attribute)
    {
        if (!_attributes.TryGetValue(attribute, out var content))
            return null;
        var reader = new WireReader(content.Span);
        while (reader.Next())
        {
            if (reader.Field == 5)
                return content[(reader.End - reader.Message().Length)..reader.End];
        }

        return null;
    }

    private WireReader ReaderOf(string attribute) => new(_attributes.GetValueOrDefault(attribute).Span);

    private long[] Integers(string attribute, int field)
    {
        var numbers = new List<long>();
        var reader = ReaderOf(attribute);
        while (reader.Next())
        {
            if (reader.Field == field)
                reader.AddNumbersTo(numbers);
        }

        return [.. numbers];
    }

    private string[] Texts(string attribute, int field)
    {
        var texts = new List<string>();
        var reader = ReaderOf(attribute);
        while (reader.Next())
        {
            if (reader.Field != field)
                continue;
            // A tree has a mode for each node, and all of them are among few.
            var text = Encoding.UTF8.GetString(reader.Message());
            texts.Add(string.IsInterned(text) ?? text);
        }

        return [.. texts];
    }
}
