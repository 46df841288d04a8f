using AIaaS.Platform.Training;

namespace AIaaS.Functions.Hosts.Azure.MachineLearning;

/// <summary>What the states of Azure Machine Learning mean here.</summary>
internal static class AzureMlJobStates
{
    /// <param name="status">As the service writes it, in a job or in an event.</param>
    public static TrainingJobState Of(string? status) => status?.ToUpperInvariant() switch
    {
        "NOTSTARTED" or "STARTING" or "PROVISIONING" or "PREPARING" or "QUEUED" or "PAUSED" => TrainingJobState.Queued,
        "COMPLETED" => TrainingJobState.Succeeded,
        "FAILED" => TrainingJobState.Failed,
        "CANCELED" or "CANCELLED" => TrainingJobState.Cancelled,
        "PREEMPTED" => TrainingJobState.Interrupted,
        // A job that does not respond may come back, one that finalizes still stores its outputs, and a state nobody knows yet is no end.
        _ => TrainingJobState.Running,
    };
}
