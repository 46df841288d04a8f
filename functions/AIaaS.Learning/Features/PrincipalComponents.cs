using AIaaS.Learning.Onnx;
using AIaaS.Learning.Onnx.Operators;
using MathNet.Numerics.LinearAlgebra;

namespace AIaaS.Learning.Features;

/// <summary>
/// The directions in which features vary most (Pearson 1901), from the eigenvectors of their covariance; each points to where its
/// greatest loading is positive. Codes of categories are no quantities and stay as they are, after the components.
/// </summary>
internal sealed class PrincipalComponents
{
    /// <summary>Eigenvectors of more features take minutes.</summary>
    private const int MostFeatures = 1_500;

    private readonly long[] _quantities;
    private readonly long[] _codes;
    private readonly float[] _means;
    private readonly float[] _directions;

    private PrincipalComponents(long[] quantities, long[] codes, float[] means, float[] directions, IReadOnlyList<FeatureSlot> slots, double kept)
    {
        (_quantities, _codes, _means, _directions) = (quantities, codes, means, directions);
        Slots = slots;
        Kept = kept;
    }

    public IReadOnlyList<FeatureSlot> Slots { get; }

    /// <summary>Share of the variance that the components keep.</summary>
    public double Kept { get; }

    /// <param name="features">Row after row.</param>
    /// <param name="slots">What each number is.</param>
    /// <param name="components">1 or more are that many, less than 1 is the share of variance to keep at least.</param>
    /// <exception cref="TrainingException">There are too many features, or none that has components.</exception>
    public static PrincipalComponents Fit(float[] features, IReadOnlyList<FeatureSlot> slots, double components)
    {
        var quantities = slots.Index().Where(s => s.Item.Categories is null).Select(s => s.Index).ToArray();
        var codes = slots.Index().Where(s => s.Item.Categories is not null).Select(s => (long)s.Index).ToArray();
        var width = quantities.Length;
        if (width is 0 or > MostFeatures)
        {
            throw new TrainingException("There are no principal components", FormattableString.Invariant(
                $"'features.components' takes 1 to {MostFeatures} numbers a row; there are {width}. Leave it out, or let texts and categories become fewer numbers."));
        }

        var (means, covariance) = Covariance(features, slots.Count, quantities);
        var decomposed = Matrix<double>.Build.Dense(width, width, covariance).Evd(Symmetricity.Symmetric);
        // Eigenvalues come ascending.
        var variances = Enumerable.Range(0, width).Select(i => Math.Max(0, decomposed.EigenValues[width - 1 - i].Real)).ToArray();
        var total = variances.Sum();
        var count = components >= 1 ? Math.Min((int)components, width) : Smallest(variances, components * total);
        var directions = new float[width * count];
        for (var component = 0; component < count; component++)
        {
            var direction = decomposed.EigenVectors.Column(width - 1 - component);
            var sign = direction[direction.AbsoluteMaximumIndex()] < 0 ? -1 : 1;
            for (var feature = 0; feature < width; feature++)
                directions[(feature * count) + component] = (float)(sign * direction[feature]);
        }

        return new(
            Array.ConvertAll(quantities, i => (long)i),
            codes,
            Array.ConvertAll(means, v => (float)v),
            directions,
            [.. Enumerable.Range(1, count).Select(i => new FeatureSlot(FormattableString.Invariant($"component {i}"), slots[quantities[0]].Source)), .. codes.Select(i => slots[(int)i])],
            total > 0 ? variances.Take(count).Sum() / total : 1);
    }

    /// <param name="features">Of shape [rows, features].</param>
    /// <returns>Of shape [rows, number of <see cref="Slots"/>].</returns>
    public Value Build(Value features)
    {
        var graph = features.Graph;
        var count = Slots.Count - _codes.Length;
        var quantities = _codes.Length == 0 ? features : features.Gather(graph.Vector("quantities", _quantities), axis: 1);
        var components = (quantities - graph.Constant("feature_means", _means, _means.Length))
            .MatMul(graph.Constant("components", _directions, _means.Length, count));
        return _codes.Length == 0 ? components : new[] { components, features.Gather(graph.Vector("codes", _codes), axis: 1) }.Concat(axis: 1);
    }

    private static int Smallest(double[] variances, double wanted)
    {
        var (sum, count) = (0.0, 0);
        // The last digits of a sum must not ask for components of no variance.
        while (count < variances.Length && (count == 0 || sum < wanted * (1 - 1e-9)))
            sum += variances[count++];
        return count;
    }

    private static (double[] Means, double[] Covariance) Covariance(float[] features, int width, int[] columns)
    {
        var rows = features.Length / width;
        var means = new double[columns.Length];
        for (var row = 0; row < rows; row++)
        {
            for (var i = 0; i < columns.Length; i++)
                means[i] += features[(row * width) + columns[i]];
        }

        for (var i = 0; i < columns.Length; i++)
            means[i] /= rows;
        var covariance = new double[columns.Length * columns.Length];
        var centered = new double[columns.Length];
        for (var row = 0; row < rows; row++)
        {
            for (var i = 0; i < columns.Length; i++)
                centered[i] = features[(row * width) + columns[i]] - means[i];
            for (var i = 0; i < columns.Length; i++)
            {
                var into = covariance.AsSpan(i * columns.Length, i + 1);
                for (var j = 0; j <= i; j++)
                    into[j] += centered[i] * centered[j];
            }
        }

        for (var i = 0; i < columns.Length; i++)
        {
            for (var j = 0; j <= i; j++)
                covariance[(j * columns.Length) + i] = covariance[(i * columns.Length) + j] /= Math.Max(1, rows - 1);
        }

        return (means, covariance);
    }
}
