using System.Globalization;
using AIaaS.Platform;
using AIaaS.Platform.Training;

namespace AIaaS.Functions.Hosts.Azure.MachineLearning;

/// <summary>Names one attempt at a job in a workspace: <c>{tenant}_{run}_{job}_{attempt}</c>, at most 200 of the 255 characters that it allows.</summary>
internal static class AzureMlJobName
{
    // None of our names has one.
    private const char Separator = '_';

    public static string Of(TrainingJobId id, int attempt) => string.Create(
        CultureInfo.InvariantCulture, $"{id.Tenant}{Separator}{id.Run}{Separator}{id.Job}{Separator}{attempt}");

    /// <returns>The job; null where the name is not one of ours.</returns>
    public static TrainingJobId? Parse(string? name)
        => name?.Split(Separator) is [var tenant, var run, var job, var attempt]
            && Names.IsName(tenant) && Names.IsName(run) && Names.IsName(job)
            && int.TryParse(attempt, NumberStyles.None, CultureInfo.InvariantCulture, out _)
            ? new TrainingJobId(tenant, run, job)
            : null;
}
