using System.Runtime.CompilerServices;

namespace AIaaS.Learning.Trees;

/// <summary>What is known of the rows of a node, or of a side of a split.</summary>
/// <param name="Gradient">Sum of first derivatives of the loss by the score.</param>
/// <param name="Hessian">Sum of second ones.</param>
internal readonly record struct NodeSums(double Gradient, double Hessian)
{
    public static NodeSums operator +(NodeSums one, NodeSums other) => new(one.Gradient + other.Gradient, one.Hessian + other.Hessian);

    public static NodeSums operator -(NodeSums one, NodeSums other) => new(one.Gradient - other.Gradient, one.Hessian - other.Hessian);
}

/// <summary>Where the values of a node's leaves may lie, by the splits above it.</summary>
internal readonly record struct ValueBounds(double Least, double Most)
{
    public static ValueBounds None { get; } = new(double.NegativeInfinity, double.PositiveInfinity);
}

/// <param name="Gain">What it takes off the loss.</param>
/// <param name="Node">Feature, bins and direction; without children.</param>
/// <param name="Left">The sums of what goes left.</param>
internal sealed record Split(double Gain, TreeNode Node, NodeSums Left);

/// <summary>Finds the split of a node that takes most off the loss.</summary>
/// <remarks>
/// Second-order gain as Chen and Guestrin (2016). A category's codes are put in the order of their mean derivative, in which one of the best subsets is a
/// prefix (Fisher 1958), as LightGBM does it. Bounds of monotone constraints as in scikit-learn.
/// </remarks>
internal sealed class SplitFinder(BinnedFeatures features, Histograms histograms, GrowthOptions options)
{
    private const double LeastGain = 1e-9;

    private readonly int _mostCategories = 64;

    /// <param name="histogram">Of the node's rows.</param>
    /// <param name="chosen">Features to choose among.</param>
    /// <param name="node">The node's own sums.</param>
    /// <param name="rows">Its rows.</param>
    /// <param name="bounds">Of its values.</param>
    /// <returns>Null where no split is worth it.</returns>
    public Split? Find(Histogram histogram, ReadOnlySpan<int> chosen, NodeSums node, int rows, ValueBounds bounds)
    {
        Best best = default;
        var own = Score(node, 0, bounds);
        // Rows are not counted by bin: by their part of the second derivatives they are known well enough.
        var least = Math.Max(options.MinHessianOfLeaf, (options.MinRowsOfLeaf - 0.5) * node.Hessian / rows);
        if (node.Hessian < 2 * least)
            return null;
        foreach (var feature in chosen)
        {
            var sums = histograms.Of(histogram, feature);
            if (features.Features[feature].Categories is not null)
                FindCategories(ref best, feature, sums, node, own, least, bounds);
            else if (options.L1 == 0 && bounds == ValueBounds.None && (options.Monotone is null || options.Monotone[feature] == 0))
                FindFreeThreshold(ref best, feature, sums, node, own, least);
            else
                FindThreshold(ref best, feature, sums, node, own, least, bounds);
        }

        if (best.Gain <= LeastGain)
            return null;
        return new Split(
            best.Gain,
            new TreeNode { Feature = best.Feature, Bin = best.Bin, MissingLeft = best.MissingLeft, LeftCategories = best.Categories },
            best.Left);
    }

    /// <summary>The value of a leaf with these sums.</summary>
    public double ValueOf(NodeSums sums, ValueBounds bounds) => ValueOf(sums, 0, bounds);

    private void FindThreshold(ref Best best, int feature, ReadOnlySpan<double> sums, NodeSums node, double own, double least, ValueBounds bounds)
    {
        var bins = features.Features[feature];
        var missing = new NodeSums(sums[2 * bins.Missing], sums[(2 * bins.Missing) + 1]);
        var hasMissing = missing.Hessian > 0 || missing.Gradient != 0;
        var known = node - missing;
        NodeSums left = default;
        for (var bin = 0; bin < bins.Missing; bin++)
        {
            left += new NodeSums(sums[2 * bin], sums[(2 * bin) + 1]);
            // Splitting off all known values is a split by whether the value is missing.
            if (bin == bins.Missing - 1 && !hasMissing)
                break;
            // What is not in this bin's rows gains nothing by splitting here; an empty one repeats the split before.
            if (sums[(2 * bin) + 1] == 0 && bin > 0)
                continue;
            Consider(ref best, feature, bin, missingLeft: false, left, node, own, least, bounds);
            if (hasMissing && bin < bins.Missing - 1)
                Consider(ref best, feature, bin, missingLeft: true, left + missing, node, own, least, bounds);
            if (known.Hessian - left.Hessian <= 0 && !hasMissing)
                break;
        }

        // Without missing values in training, those that come later go where most rows do.
        if (best.Feature == feature && best.Categories is null && !hasMissing && best.IsNew)
            best.MissingLeft = best.Left.Hessian >= node.Hessian - best.Left.Hessian;
        best.IsNew = false;
    }

    /// <summary>The same where no constraint or penalty on sizes complicates the gain: most of the time of a search is spent here.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void FindFreeThreshold(ref Best best, int feature, ReadOnlySpan<double> sums, NodeSums node, double own, double least)
    {
        var last = features.Features[feature].Missing;
        var (missing, missingHessian) = (sums[2 * last], sums[(2 * last) + 1]);
        var hasMissing = missingHessian > 0;
        var l2 = options.L2 + 1e-15;
        var (bestGain, bestBin, bestLeft) = (best.Gain, -1, default(NodeSums));
        var missingLeft = false;
        double gradient = 0, hessian = 0;
        for (var bin = 0; bin < last; bin++)
        {
            gradient += sums[2 * bin];
            hessian += sums[(2 * bin) + 1];
            var (right, rightHessian) = (node.Gradient - gradient, node.Hessian - hessian);
            if (hessian >= least)
            {
                // From here on too little is right.
                if (rightHessian < least)
                    break;
                var gain = (gradient * gradient / (hessian + l2)) + (right * right / (rightHessian + l2)) - own;
                if (gain > bestGain)
                    (bestGain, bestBin, missingLeft, bestLeft) = (gain, bin, false, new(gradient, hessian));
            }

            if (hasMissing && hessian + missingHessian >= least && rightHessian - missingHessian >= least)
            {
                var (left, leftHessian) = (gradient + missing, hessian + missingHessian);
                (right, rightHessian) = (right - missing, rightHessian - missingHessian);
                var gain = (left * left / (leftHessian + l2)) + (right * right / (rightHessian + l2)) - own;
                if (gain > bestGain)
                    (bestGain, bestBin, missingLeft, bestLeft) = (gain, bin, true, new(left, leftHessian));
            }
        }

        if (bestBin < 0)
            return;
        // Without missing values in training, those that come later go where most rows do.
        best = new Best
        {
            Gain = bestGain,
            Feature = feature,
            Bin = bestBin,
            MissingLeft = hasMissing ? missingLeft : bestLeft.Hessian >= node.Hessian - bestLeft.Hessian,
            Left = bestLeft,
        };
    }

    private void Consider(ref Best best, int feature, int bin, bool missingLeft, NodeSums left, NodeSums node, double own, double least, ValueBounds bounds)
    {
        var right = node - left;
        if (left.Hessian < least || right.Hessian < least)
            return;
        var gain = Score(left, 0, bounds) + Score(right, 0, bounds) - own;
        if (gain <= best.Gain)
            return;
        if (options.Monotone is { } monotone && monotone[feature] != 0
            && monotone[feature] * (ValueOf(right, 0, bounds) - ValueOf(left, 0, bounds)) < 0)
        {
            return;
        }

        best = new Best { Gain = gain, Feature = feature, Bin = bin, MissingLeft = missingLeft, Left = left, IsNew = true };
    }

    private void FindCategories(ref Best best, int feature, ReadOnlySpan<double> sums, NodeSums node, double own, double least, ValueBounds bounds)
    {
        var codes = features.Features[feature].Categories!.Value;
        var order = new List<int>(codes);
        var keys = new double[codes];
        for (var code = 0; code < codes; code++)
        {
            if (sums[(2 * code) + 1] <= 0)
                continue;
            keys[code] = sums[2 * code] / (sums[(2 * code) + 1] + options.CategorySmoothing);
            order.Add(code);
        }

        if (order.Count < 2)
            return;
        order.Sort((one, other) => keys[one] != keys[other] ? keys[one].CompareTo(keys[other]) : one.CompareTo(other));
        Scan(ref best, order, sums);
        order.Reverse();
        Scan(ref best, order, sums);

        void Scan(ref Best best, List<int> ordered, ReadOnlySpan<double> all)
        {
            NodeSums left = default;
            // The rest, and codes never seen here, go right; no more of them left than half, since the other direction finds the rest.
            for (var count = 1; count <= Math.Min((ordered.Count + 1) / 2, _mostCategories); count++)
            {
                var code = ordered[count - 1];
                left += new NodeSums(all[2 * code], all[(2 * code) + 1]);
                var right = node - left;
                if (left.Hessian < least || right.Hessian < least)
                    continue;
                var gain = Score(left, options.CategoryL2, bounds) + Score(right, options.CategoryL2, bounds) - own;
                if (gain > best.Gain)
                    best = new Best { Gain = gain, Feature = feature, Categories = [.. ordered.Take(count).Order()], Left = left };
            }
        }
    }

    private double ValueOf(NodeSums sums, double moreL2, ValueBounds bounds)
    {
        var gradient = Math.CopySign(Math.Max(0, Math.Abs(sums.Gradient) - options.L1), sums.Gradient);
        return Math.Clamp(-gradient / (sums.Hessian + options.L2 + moreL2 + 1e-15), bounds.Least, bounds.Most);
    }

    /// <summary>Twice what a leaf of these sums takes off the loss.</summary>
    private double Score(NodeSums sums, double moreL2, ValueBounds bounds)
    {
        var value = ValueOf(sums, moreL2, bounds);
        return -((2 * sums.Gradient * value) + ((sums.Hessian + options.L2 + moreL2) * value * value) + (2 * options.L1 * Math.Abs(value)));
    }

    private struct Best
    {
        public double Gain;
        public int Feature;
        public int Bin;
        public bool MissingLeft;
        public bool IsNew;
        public int[]? Categories;
        public NodeSums Left;
    }
}
