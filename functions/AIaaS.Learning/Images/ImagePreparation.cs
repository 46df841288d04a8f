using AIaaS.Learning.Onnx;
using AIaaS.Learning.Onnx.Operators;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Learning.Images;

/// <summary>How an image becomes the numbers that a network takes; the defaults are those of networks trained on ImageNet.</summary>
internal sealed record ImagePreparation
{
    /// <summary>Length of the shorter side once the image is resized, its proportions kept.</summary>
    public int ShorterSide { get; init; } = 256;

    /// <summary>Width and height of what is cut from the middle; at most <see cref="ShorterSide"/>.</summary>
    public int Crop { get; init; } = 224;

    /// <summary>Mean of red, green and blue, on a scale of 0 to 1, that is taken off.</summary>
    public IReadOnlyList<float> Mean { get; init; } = [0.485f, 0.456f, 0.406f];

    /// <summary>What the result is divided by.</summary>
    public IReadOnlyList<float> StandardDeviation { get; init; } = [0.229f, 0.224f, 0.225f];

    /// <summary>Decodes, resizes, crops and normalizes one image within the graph.</summary>
    /// <param name="file">The bytes of a JPEG or PNG file, uint8 of shape [bytes].</param>
    /// <returns>Floats of shape [1, 3, crop, crop]: red, green, blue.</returns>
    public Value Build(Value file)
    {
        if (Crop < 1 || Crop > ShorterSide)
            throw new InvalidOperationException($"A crop of {Crop} cannot be cut from a side of {ShorterSide}.");
        var graph = file.Graph;
        var pixels = graph.Apply(
            "DecodeImage", [file], [(TensorElementType.UInt8, ["height", "width", "channels"])], GraphBuilder.ExtensionsDomain, ("color_space", "rgb"))[0];
        var image = pixels.Cast(TensorElementType.Float).Transpose(2, 0, 1).Unsqueeze(0);

        var parts = image.ShapeOf().Split(0, 2, 2);
        var size = parts[1].Cast(TensorElementType.Float);
        var shorter = graph.Apply("ReduceMin", [size], TensorElementType.Float, [1], ("keepdims", 1L));
        // Rounded, so that the shorter side is exactly as long as it should be whatever the division left.
        var resized = graph.Apply("Round", [size * ShorterSide / shorter], TensorElementType.Float, [2]).Cast(TensorElementType.Int64);
        var sizes = new[] { parts[0], resized }.Concat(0);
        var scaled = graph.Apply(
            "Resize",
            [image, null, null, sizes],
            TensorElementType.Float,
            [1, "channels", "resized_height", "resized_width"],
            ("mode", "linear"),
            ("coordinate_transformation_mode", "half_pixel"));

        var crop = graph.Vector("crop", Crop, Crop);
        var start = (resized - crop) / graph.Vector("halves", 2, 2);
        var cut = graph.Apply(
            "Slice", [scaled, start, start + crop, graph.Vector("axes", 2, 3)], TensorElementType.Float, [1, "channels", Crop, Crop]);

        // A grey file has one channel and one with transparency four: three times the channels begin with the three that are wanted.
        var repeated = graph.Apply("Concat", [cut, cut, cut], TensorElementType.Float, [1, "thrice", Crop, Crop], ("axis", 1L));
        var colours = graph.Apply(
            "Slice",
            [repeated, graph.Vector("first", 0), graph.Vector("end", 3), graph.Vector("channel_axis", 1)],
            TensorElementType.Float,
            [1, 3, Crop, Crop]);

        // (x / 255 - mean) / deviation in one product and one sum.
        var scale = graph.Constant("scale", StandardDeviation.Select(d => 1 / (255 * d)).ToArray(), 1, 3, 1, 1);
        var shift = graph.Constant("shift", Mean.Zip(StandardDeviation, (m, d) => -m / d).ToArray(), 1, 3, 1, 1);
        return (colours * scale) + shift;
    }
}
