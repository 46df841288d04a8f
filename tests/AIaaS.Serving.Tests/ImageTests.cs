using System.Buffers.Binary;
using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Learning.Images;
using AIaaS.Learning.Onnx;
using AIaaS.Learning.Onnx.Operators;
using AIaaS.Serving.Inference;
using AIaaS.Serving.Models;
using AIaaS.Serving.Predictions;
using AIaaS.Tests;
using Google.Protobuf;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Serving.Tests;

/// <summary>Images are decoded and prepared within the graph.</summary>
public sealed class ImageTests : IAsyncLifetime
{
    /// <summary>16 × 8 pixels of (200, 100, 50).</summary>
    private const string Jpeg =
        "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQH/wAARCAAIABADAREAAhEA" +
        "AxEA/8QAHwAAAAAMAAAAAAAAAAAAAAAAAAECAwQFBgcICQoL/8QAFBABAAAAAAAAAAAAAAAAAAAAAP/aAAwDAQACAAMAAD8AUKVgnYgAB//Z";

    /// <summary>Made by cjpeg of the same 24 × 24 pixels.</summary>
    private static readonly string[] Samples = ["progressive.jpg", "restarts.jpg", "grey.jpg"];

    private static readonly byte[] GraphFile = MeanColour();
    private TestModel _model = null!;
    private PredictionClient _client = null!;
    private InferenceClient _tensors = null!;

    public async Task InitializeAsync()
    {
        _model = new(GraphFile, await ModelImport.ExamineAsync("colour", GraphFile, null, new(), TimeProvider.System, default));
        _client = await PredictionClient.StartAsync(_model);
        _tensors = await InferenceClient.StartAsync(_model);
    }

    public async Task DisposeAsync()
    {
        await _client.DisposeAsync();
        await _tensors.DisposeAsync();
    }

    [Fact]
    public void A_graph_that_decodes_its_input_takes_an_image()
        => Assert.Equal(("image", ColumnKind.Image), (Assert.Single(_client.Lease.Signature.Inputs).Name, _client.Lease.Signature.Inputs[0].Kind));

    [Fact]
    public async Task A_png_is_resized_cropped_and_normalized()
    {
        // The middle third is of one colour; the crop of 8 from a shorter side of 8 lies within it.
        var file = Png.Of(48, 8, (x, _) => x is >= 16 and < 32 ? ((byte)200, (byte)100, (byte)50) : ((byte)0, (byte)0, (byte)0));

        AssertColour(await SendAsync(file), 200, 100, 50, tolerance: 0.01);
    }

    [Fact]
    public async Task A_jpeg_is_decoded_to_red_green_and_blue() => AssertColour(await SendAsync(Convert.FromBase64String(Jpeg)), 200, 100, 50, tolerance: 0.05);

    [Fact]
    public async Task Usual_kinds_of_jpeg_are_decoded()
    {
        foreach (var sample in Samples)
            Assert.Equal(3, (await SendAsync(Sample(sample))).GetProperty("colour").GetArrayLength());
    }

    [Fact]
    public async Task Images_of_other_sizes_go_in_one_request_as_base64()
    {
        var files = new[] { Png.Of(8, 8, (_, _) => (255, 0, 0)), Png.Of(31, 17, (_, _) => (0, 255, 0)), Png.Of(9, 300, (_, _) => (0, 0, 255)) };
        var body = $"{{\"rows\":[{string.Join(',', files.Select(f => $"{{\"image\":\"{Convert.ToBase64String(f)}\"}}"))}]}}";

        var rows = (await _client.PredictAsync(body)).GetProperty("predictions").EnumerateArray().ToArray();

        AssertColour(rows[0], 255, 0, 0, 0.01);
        AssertColour(rows[1], 0, 255, 0, 0.01);
        AssertColour(rows[2], 0, 0, 255, 0.01);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public async Task A_tensor_of_a_files_bytes_is_an_image(int form)
    {
        var answer = await InferAsync(Png.Of(8, 8, (_, _) => (200, 100, 50)), form);

        var colour = answer.HeaderLength is null
            ? answer.Output("colour").GetProperty("data").EnumerateArray().Select(c => c.GetDouble())
            : MemoryMarshal.Cast<byte, float>(answer.Binary).ToArray().Select(c => (double)c);
        AssertColour([.. colour], 200, 100, 50, tolerance: 0.01);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public async Task A_tensor_that_promises_too_many_pixels_is_refused(int form)
    {
        var file = Png.Of(8, 8, (_, _) => (1, 2, 3));
        BinaryPrimitives.WriteInt32BigEndian(file.AsSpan(16), 1 << 15);
        BinaryPrimitives.WriteInt32BigEndian(file.AsSpan(20), 1 << 15);

        Assert.Contains("pixels", (await Assert.ThrowsAsync<InferenceRequestException>(() => InferAsync(file, form))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Pixels_of_a_tensor_that_do_not_inflate_are_the_senders_mistake_and_not_the_models()
    {
        var file = Png.Of(64, 64, (x, y) => ((byte)x, (byte)y, 7));
        file.AsSpan(45, 30).Clear();

        for (var i = 0; i < 20; i++)
            Assert.Contains("damaged", (await Assert.ThrowsAsync<InferenceRequestException>(() => InferAsync(file, form: 0))).Message, StringComparison.Ordinal);
        Assert.NotEmpty((await InferAsync(Png.Of(8, 8, (_, _) => (1, 2, 3)), form: 0)).Binary);
    }

    [Fact]
    public async Task Images_are_checked_where_the_graph_comes_optimized_from_the_disk()
    {
        using var folder = new TemporaryFolder();
        var source = new FileModelSource();
        var reference = source.Add(_model);
        ModelServer Start() => new(
            source, new(), TimeProvider.System, new ModelDiskCache(new() { Folder = folder.Path }, TimeProvider.System, NullLogger<ModelDiskCache>.Instance));
        await using (var first = Start())
            (await first.AcquireAsync(reference, CancellationToken.None)).Dispose();

        await using var second = Start();
        using var lease = await second.AcquireAsync(reference, CancellationToken.None);

        Assert.Equal((ModelOrigin.Optimized, true), (lease.Model.Origin, lease.Model.Inference.HasImages));
    }

    [Fact]
    public async Task A_signature_that_calls_an_image_anything_else_is_refused()
    {
        var integers = _model with { Signature = _model.Signature with { Inputs = [_model.Signature.Inputs[0] with { Kind = ColumnKind.Integer }] } };

        await Assert.ThrowsAsync<ModelLoadException>(() => PredictionClient.StartAsync(integers));
    }

    [Theory]
    [InlineData(1 << 15, 1 << 15)]
    [InlineData(int.MaxValue, int.MaxValue)]
    [InlineData(0, 10)]
    public async Task A_header_that_promises_too_many_pixels_is_refused(int width, int height)
    {
        var file = Png.Of(8, 8, (_, _) => (1, 2, 3));
        BinaryPrimitives.WriteInt32BigEndian(file.AsSpan(16), width);
        BinaryPrimitives.WriteInt32BigEndian(file.AsSpan(20), height);

        var refusal = await RefuseAsync(file);

        Assert.Equal(PredictionError.BadImage, refusal.Error);
        Assert.Contains("pixels", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Pixels_that_do_not_inflate_are_the_senders_mistake()
    {
        var file = Png.Of(64, 64, (x, y) => ((byte)x, (byte)y, 7));
        file.AsSpan(45, 30).Clear();

        Assert.Equal(PredictionError.BadImage, (await RefuseAsync(file)).Error);
    }

    [Fact]
    public async Task Every_cut_of_a_file_is_refused()
    {
        foreach (var file in new[] { Png.Of(8, 8, (_, _) => (1, 2, 3)), Convert.FromBase64String(Jpeg) })
        {
            for (var length = 0; length < file.Length - 1; length += 3)
                Assert.Equal(PredictionError.BadImage, (await RefuseAsync(file[..length])).Error);
        }
    }

    [Theory]
    [InlineData("%%%")]
    [InlineData("\\udc00x")]
    public async Task What_is_no_base64_is_refused(string text)
        => Assert.Equal(PredictionError.BadImage, (await _client.RefuseAsync($$"""{"rows":[{"image":"{{text}}"}]}""")).Error);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task A_mutated_image_is_predicted_or_refused_with_a_reason(int seed)
    {
        var cases = Environment.GetEnvironmentVariable("AIAAS_LONG") == "1" ? 30_000 : 1_500;
        var random = new Random(seed);
        byte[][] seeds = [Png.Of(16, 16, (x, y) => ((byte)(x * 9), (byte)(y * 9), 7)), Convert.FromBase64String(Jpeg), .. Samples.Select(Sample)];
        var (predicted, refused) = (0, 0);
        for (var i = 0; i < cases; i++)
        {
            var file = Damaged.Copy(seeds[random.Next(seeds.Length)], random, mostEdits: 4);
            try
            {
                if (random.Next(2) == 0)
                    await SendAsync(file);
                else
                    await InferAsync(file, random.Next(3));
                predicted++;
            }
            catch (Exception refusal) when (refusal is PredictionRequestException or InferenceRequestException)
            {
                Assert.NotEmpty(refusal.Message);
                refused++;
            }
        }

        Assert.True(predicted > 10 && refused > cases / 20, $"{predicted} predicted, {refused} refused");
    }

    private static byte[] Sample(string file) => File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Images", file));

    private static void AssertColour(JsonElement row, double red, double green, double blue, double tolerance) =>
        AssertColour([.. row.GetProperty("colour").EnumerateArray().Select(c => c.GetDouble())], red, green, blue, tolerance);

    private static void AssertColour(double[] colour, double red, double green, double blue, double tolerance)
    {
        Assert.Equal(3, colour.Length);
        foreach (var (value, expected, mean, deviation) in new[] { (colour[0], red, 0.485, 0.229), (colour[1], green, 0.456, 0.224), (colour[2], blue, 0.406, 0.225) })
            Assert.Equal(((expected / 255) - mean) / deviation, value, tolerance);
    }

    private async Task<JsonElement> SendAsync(byte[] file) =>
        (await _client.AnswerAsync(file, c => c with { Format = RowFormat.Image })).GetProperty("predictions")[0];

    /// <summary>Sends a file as a tensor: alone, after a JSON object, or as the numbers of one.</summary>
    private Task<WireAnswer> InferAsync(byte[] file, int form)
    {
        var head = $$"""{"inputs":[{"name":"image","shape":[{{file.Length}}],"datatype":"UINT8",""";
        return form switch
        {
            0 => _tensors.InferAsync(file, 0),
            1 => _tensors.InferAsync($$$"""{{{head}}}"parameters":{"binary_data_size":{{{file.Length}}}}}]}""", file),
            _ => _tensors.InferAsync($$"""{{head}}"data":[{{string.Join(',', file)}}]}]}"""),
        };
    }

    private Task<PredictionRequestException> RefuseAsync(byte[] file) => Assert.ThrowsAsync<PredictionRequestException>(() => SendAsync(file));

    /// <summary>An image to the means of its normalized channels.</summary>
    private static byte[] MeanColour()
    {
        var graph = new GraphBuilder("colour");
        var file = graph.Input("image", TensorElementType.UInt8, ["bytes"]);
        graph.Output("colour", new ImagePreparation { ShorterSide = 8, Crop = 8 }.Build(file).ReduceMean([2, 3]));
        return graph.ToModel().ToByteArray();
    }

    private static class Png
    {
        public static byte[] Of(int width, int height, Func<int, int, (byte Red, byte Green, byte Blue)> colour)
        {
            using var raw = new MemoryStream();
            using (var zlib = new ZLibStream(raw, CompressionLevel.Optimal, leaveOpen: true))
            {
                for (var y = 0; y < height; y++)
                {
                    zlib.WriteByte(0);
                    for (var x = 0; x < width; x++)
                    {
                        var (red, green, blue) = colour(x, y);
                        zlib.Write([red, green, blue]);
                    }
                }
            }

            var header = new byte[13];
            BinaryPrimitives.WriteInt32BigEndian(header, width);
            BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), height);
            (header[8], header[9]) = (8, 2);
            return [0x89, .. "PNG\r\n\u001a\n"u8, .. Chunk("IHDR", header), .. Chunk("IDAT", raw.ToArray()), .. Chunk("IEND", [])];
        }

        private static byte[] Chunk(string type, byte[] content)
        {
            byte[] body = [.. System.Text.Encoding.ASCII.GetBytes(type), .. content];
            var chunk = new byte[body.Length + 8];
            BinaryPrimitives.WriteInt32BigEndian(chunk, content.Length);
            body.CopyTo(chunk, 4);
            BinaryPrimitives.WriteUInt32BigEndian(chunk.AsSpan(body.Length + 4), Crc(body));
            return chunk;
        }

        private static uint Crc(byte[] bytes)
        {
            var crc = uint.MaxValue;
            foreach (var each in bytes)
            {
                crc ^= each;
                for (var bit = 0; bit < 8; bit++)
                    crc = (crc & 1) != 0 ? (crc >> 1) ^ 0xEDB88320 : crc >> 1;
            }

            return ~crc;
        }
    }
}
