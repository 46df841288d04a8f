using System.Text;
using Microsoft.ML.OnnxRuntime;

namespace AIaaS.Serving.Models;

/// <summary>What an ONNX file says of itself, read from its bytes before any native code sees them.</summary>
/// <remarks>
/// Walks the wire form of <c>onnx.proto</c> and makes no objects of it, so that a hostile file costs no more than one pass.
/// Unknown fields are passed over.
/// </remarks>
internal sealed class OnnxFile
{
    /// <summary>Domain of ONNX Runtime Extensions' operators for images and tokens.</summary>
    public const string ExtensionsDomain = "com.microsoft.extensions";

    /// <summary>Domain of their operators for texts.</summary>
    public const string ContributedDomain = "ai.onnx.contrib";

    private const string DecodeImage = "DecodeImage";
    private const int DeepestNesting = 16;
    private const long MostNodes = 1_000_000;

    private static readonly HashSet<string> StandardDomains = new(StringComparer.Ordinal)
    {
        "", "ai.onnx", "ai.onnx.ml", "com.microsoft", "com.microsoft.nchwc", ExtensionsDomain, ContributedDomain,
    };

    /// <summary>
    /// Those of the extensions' operators that no input is known to lead astray. Of the others some end the process on indices,
    /// shapes or texts that a caller chooses, some never return, and <c>AudioDecoder</c> makes gigabytes of kilobytes.
    /// </summary>
    private static readonly HashSet<string> ServedExtensions = new(StringComparer.Ordinal)
    {
        DecodeImage, "EncodeImage",
        "BertTokenizer", "BertTokenizerDecoder", "CLIPTokenizer", "GPT2Tokenizer", "HfBertTokenizer", "HfJsonTokenizer",
        "RobertaTokenizer", "SentencepieceDecoder", "SentencepieceTokenizer", "SpmTokenizer",
        "MaskedFill", "NegPos", "SegmentExtraction", "StringConcat", "StringLength", "StringLower", "StringMapping",
        "StringRegexReplace", "StringSplit", "StringStrip", "StringUpper", "VectorToString",
    };

    private readonly HashSet<string> _domains = new(StringComparer.Ordinal);
    private readonly HashSet<string> _decodedImages = new(StringComparer.Ordinal);
    private readonly HashSet<string> _inputs = new(StringComparer.Ordinal);
    private readonly HashSet<string> _constants = new(StringComparer.Ordinal);
    private readonly Dictionary<(string Domain, string Name), Body> _functions = [];

    private OnnxFile()
    {
    }

    /// <summary>What is known of a graph that names no domain of the extensions.</summary>
    public static OnnxFile WithoutExtensions { get; } = new();

    /// <summary>Whether a node is an operator of ONNX Runtime Extensions.</summary>
    public bool UsesExtensions => _domains.Contains(ExtensionsDomain) || _domains.Contains(ContributedDomain);

    /// <summary>Inputs of the graph that are decoded as images.</summary>
    public IReadOnlySet<string> DecodedImages => _decodedImages;

    /// <summary>Whether a graph that ONNX Runtime has written in a format of its own names a domain of the extensions.</summary>
    public static bool MayUseExtensions(ReadOnlySpan<byte> optimized) =>
        optimized.IndexOf("com.microsoft.extensions"u8) >= 0 || optimized.IndexOf("ai.onnx.contrib"u8) >= 0;

    /// <summary>Whether a run failed in decoding an image, which is then damaged where its check does not look.</summary>
    public static bool IsOfDecoding(OnnxRuntimeException failure) => failure.Message.Contains(DecodeImage, StringComparison.Ordinal);

    /// <summary>Reads a file, and refuses what is never served.</summary>
    /// <exception cref="InvalidDataException">It is no ONNX model, or one that is not served; the message says why.</exception>
    public static OnnxFile Read(ReadOnlySpan<byte> file)
    {
        var result = new OnnxFile();
        var (graph, hasGraph) = (new Body(), false);
        var model = new WireReader(file);
        while (model.Next())
        {
            switch (model.Field)
            {
                case 7:
                    if (hasGraph)
                        throw new InvalidDataException("it has two graphs.");
                    hasGraph = true;
                    result.ReadGraph(model.Message(), graph, 0);
                    break;
                case 25:
                    result.ReadFunction(model.Message());
                    break;
            }
        }

        if (!hasGraph || graph.Nodes == 0)
            throw new InvalidDataException("it is not an ONNX model with a graph.");
        if (result._domains.FirstOrDefault(d => !StandardDomains.Contains(d) && result._functions.Keys.All(f => f.Domain != d)) is { } unknown)
            throw new InvalidDataException($"it uses operators of the domain '{Excerpt(unknown)}', which are not served; the domains served are ai.onnx, ai.onnx.ml, com.microsoft, {ExtensionsDomain} and {ContributedDomain}.");
        if (result._decodedImages.FirstOrDefault(i => !result._inputs.Contains(i) || result._constants.Contains(i)) is { } computed)
            throw UncheckedImage($"reads '{Excerpt(computed)}', which is not an input of the graph");
        result.Expand(graph, []);
        return result;
    }

    private void ReadFunction(ReadOnlySpan<byte> message)
    {
        var (name, domain, body) = ("", "", new Body());
        var function = new WireReader(message);
        while (function.Next())
        {
            switch (function.Field)
            {
                case 1:
                    name = Text(function.Message());
                    break;
                case 7:
                    ReadNode(function.Message(), body, 1);
                    break;
                case 10:
                    domain = Text(function.Message());
                    break;
            }
        }

        if (!_functions.TryAdd((domain, name), body))
            throw new InvalidDataException($"it defines the function '{Excerpt(name)}' twice.");
    }

    private void ReadGraph(ReadOnlySpan<byte> message, Body body, int depth)
    {
        if (depth > DeepestNesting)
            throw new InvalidDataException($"its graphs are nested more than {DeepestNesting} deep.");
        var graph = new WireReader(message);
        while (graph.Next())
        {
            switch (graph.Field)
            {
                case 1:
                    ReadNode(graph.Message(), body, depth);
                    break;
                case 5:
                    if (ReadTensor(graph.Message()) is { } constant && depth == 0)
                        _constants.Add(constant);
                    break;
                case 11 when depth == 0:
                    _inputs.Add(ReadName(graph.Message()));
                    break;
                case 15:
                    if (ReadSparseTensor(graph.Message()) is { } sparse && depth == 0)
                        _constants.Add(sparse);
                    break;
            }
        }
    }

    private static string ReadName(ReadOnlySpan<byte> message)
    {
        var name = "";
        var value = new WireReader(message);
        while (value.Next())
        {
            if (value.Field == 1)
                name = Text(value.Message());
        }

        return name;
    }

    private void ReadNode(ReadOnlySpan<byte> message, Body body, int depth)
    {
        if (++body.Nodes > MostNodes)
            throw TooManyNodes();
        var (type, domain, input) = ("", "", "");
        var node = new WireReader(message);
        while (node.Next())
        {
            switch (node.Field)
            {
                case 1 when input.Length == 0:
                    input = Text(node.Message());
                    break;
                case 4:
                    type = Text(node.Message());
                    break;
                case 5:
                    ReadAttribute(node.Message(), body, depth);
                    break;
                case 7:
                    domain = Text(node.Message());
                    break;
            }
        }

        // Some builds of the extensions have this one, which opens any file by its path.
        if (type == "ImageReader")
            throw new InvalidDataException("its operator ImageReader reads files of the server, which is not allowed; decode images from bytes with DecodeImage.");
        if (domain is ExtensionsDomain or ContributedDomain && !ServedExtensions.Contains(type))
            throw new InvalidDataException(
                $"its operator '{Excerpt(type)}' of ONNX Runtime Extensions is not safe on every input, so that one request could end the server; do without it, or compute it before and send its result. Of the extensions these are served: {string.Join(", ", ServedExtensions.Order(StringComparer.Ordinal))}.");
        _domains.Add(domain);
        if (type == DecodeImage && domain == ExtensionsDomain)
        {
            if (depth > 0)
                throw UncheckedImage("is within a function or a branch");
            _decodedImages.Add(input);
        }

        body.Calls.TryGetValue((domain, type), out var calls);
        body.Calls[(domain, type)] = calls + 1;
    }

    private void ReadAttribute(ReadOnlySpan<byte> message, Body body, int depth)
    {
        var attribute = new WireReader(message);
        while (attribute.Next())
        {
            switch (attribute.Field)
            {
                case 5 or 10:
                    ReadTensor(attribute.Message());
                    break;
                case 6 or 11:
                    ReadGraph(attribute.Message(), body, depth + 1);
                    break;
                case 22 or 23:
                    ReadSparseTensor(attribute.Message());
                    break;
            }
        }
    }

    /// <returns>Its name, where it has one.</returns>
    private static string? ReadSparseTensor(ReadOnlySpan<byte> message)
    {
        string? name = null;
        var sparse = new WireReader(message);
        while (sparse.Next())
        {
            if (sparse.Field == 1)
                name = ReadTensor(sparse.Message());
            else if (sparse.Field == 2)
                ReadTensor(sparse.Message());
        }

        return name;
    }

    /// <returns>Its name, where it has one.</returns>
    private static string? ReadTensor(ReadOnlySpan<byte> message)
    {
        string? name = null;
        var tensor = new WireReader(message);
        while (tensor.Next())
        {
            // A path to another file is never followed: it could name any file of the server's.
            if (tensor.Field == 13 || (tensor.Field == 14 && tensor.Number != 0))
                throw new InvalidDataException("it keeps weights in other files (external data); save it as one file, for instance with onnx.save(model, path, save_as_external_data=False).");
            if (tensor.Field == 8)
                name = Text(tensor.Message());
        }

        return name;
    }

    /// <summary>Counts nodes as they are once functions are inlined, which few of them can make very many.</summary>
    private long Expand(Body body, HashSet<Body> open)
    {
        if (body.Expanded > 0)
            return body.Expanded;
        if (!open.Add(body))
            throw new InvalidDataException("one of its functions calls itself.");
        if (open.Count > DeepestNesting)
            throw new InvalidDataException($"its functions are nested more than {DeepestNesting} deep.");
        var nodes = 1L;
        foreach (var (callee, count) in body.Calls)
        {
            nodes += count * (_functions.TryGetValue(callee, out var function) ? Expand(function, open) : 1);
            if (nodes > MostNodes)
                throw TooManyNodes();
        }

        open.Remove(body);
        return body.Expanded = nodes;
    }

    /// <summary>A damaged image can end the process that decodes it, so that none is decoded that was not looked at before.</summary>
    private static InvalidDataException UncheckedImage(string why) =>
        new($"its operator DecodeImage {why}; images are checked before they are decoded, so let it read an input of the graph directly.");

    private static InvalidDataException TooManyNodes() => new($"it has more than {MostNodes} nodes.");

    private static string Text(ReadOnlySpan<byte> utf8) =>
        utf8.Length <= 1024 ? Encoding.UTF8.GetString(utf8) : throw new InvalidDataException("a name in it is longer than 1024 bytes.");

    private static string Excerpt(string text) => Predictions.Excerpt.Of(text);

    /// <summary>The nodes of a graph with those nested in them, or of a function.</summary>
    private sealed class Body
    {
        public long Nodes { get; set; }

        public long Expanded { get; set; }

        public Dictionary<(string Domain, string Name), long> Calls { get; } = [];
    }
}
