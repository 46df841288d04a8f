using AIaaS.Formats;

namespace AIaaS.Learning.Sweeps;

/// <summary>
/// The median stopping rule of Google Vizier (Golovin et al. 2017, section 3.2.1): a trial ends when the best it has reached is
/// worse than the median of what others had on average up to the same point.
/// </summary>
public static class MedianStopping
{
    /// <summary>Others that must have come as far: fewer have no median worth the name.</summary>
    private const int FewestOthers = 5;

    private const double Tolerance = 1e-9;

    /// <param name="latest">Where the trial is now.</param>
    /// <param name="own">Where it was before; <paramref name="latest"/> may be among them.</param>
    /// <param name="others">Curves of trials that ended; those that did not come as far do not count.</param>
    /// <param name="higherIsBetter">The sense of the objective.</param>
    public static bool ShouldStop(TrialPoint latest, IReadOnlyList<TrialPoint> own, IReadOnlyList<IReadOnlyList<TrialPoint>> others, bool higherIsBetter)
    {
        double[] means =
        [
            .. others.Where(o => o.Any(p => p.Share >= latest.Share - Tolerance))
                .Select(o => o.Where(p => p.Share <= latest.Share + Tolerance && double.IsFinite(p.Value)).Select(Loss).DefaultIfEmpty(double.PositiveInfinity).Average())
                .Order(),
        ];
        if (means.Length < FewestOthers)
            return false;

        var middle = means.Length / 2;
        var median = means.Length % 2 == 1 ? means[middle] : (means[middle - 1] + means[middle]) / 2;
        var best = own.Append(latest).Where(p => double.IsFinite(p.Value)).Select(Loss).DefaultIfEmpty(double.PositiveInfinity).Min();
        return best > median;

        double Loss(TrialPoint point) => higherIsBetter ? -point.Value : point.Value;
    }
}
