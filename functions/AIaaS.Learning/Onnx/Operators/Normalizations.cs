namespace AIaaS.Learning.Onnx.Operators;

/// <summary>Operators that bring values to mean 0 and variance 1, then scale and shift them.</summary>
internal static class Normalizations
{
    /// <summary>Each channel of [rows, channels, ...] by the mean and variance given: how a trained network serves.</summary>
    /// <param name="scale">This and the others of shape [channels].</param>
    public static Value BatchNormalize(this Value x, Value scale, Value shift, Value mean, Value variance, float epsilon = 1e-5f) =>
        x.Graph.Apply("BatchNormalization", [x, scale, shift, mean, variance], x.Type, x.Shape, ("epsilon", epsilon));

    /// <summary>Each channel of [rows, channels, ...] by its own mean and variance in this batch: how a network is trained.</summary>
    /// <remarks>Without the operator's mode for training, in which ONNX Runtime writes the averages over the tensors that came in.</remarks>
    /// <returns>With the mean and the (biased) variance, of shape [channels], of which moving averages can be kept.</returns>
    public static (Value Result, Value Mean, Value Variance) BatchNormalize(this Value x, Value scale, Value shift, float epsilon = 1e-5f)
    {
        var axes = x.AxesButChannels();
        var mean = x.ReduceMean(axes);
        var centered = x - mean.AlongChannels(x);
        var variance = (centered * centered).ReduceMean(axes);
        return (x.BatchNormalize(scale, shift, mean, variance, epsilon), mean, variance);
    }

    /// <summary>All axes of [rows, channels, ...] but that of the channels.</summary>
    public static long[] AxesButChannels(this Value x) => [0, .. Enumerable.Range(2, x.Shape.Rank - 2).Select(a => (long)a)];

    /// <summary>One element for each channel, such that it broadcasts over [rows, channels, ...].</summary>
    public static Value AlongChannels(this Value parameter, Value x) => parameter.Unsqueeze([.. Enumerable.Range(1, x.Shape.Rank - 2).Select(a => (long)a)]);

    /// <summary>The elements of the last axes by their own mean and variance, at each place of the axes before.</summary>
    /// <param name="scale">Of the shape of those axes, or one that broadcasts to it.</param>
    /// <param name="axis">The first of those axes.</param>
    public static Value LayerNormalize(this Value x, Value scale, Value? shift = null, int axis = -1, float epsilon = 1e-5f) =>
        x.Graph.Apply(
            "LayerNormalization",
            shift is null ? [x, scale] : [x, scale, shift],
            x.Type,
            x.Shape,
            ("axis", (long)x.Shape.Axis(axis)),
            ("epsilon", epsilon));
}
