using AIaaS.Platform.Runs;
using Grpc.Core;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;

namespace AIaaS.Functions.Runs;

/// <summary>Starts the orchestrations of runs, each once.</summary>
internal static class RunScheduling
{
    /// <summary>Schedules a run's orchestration if it is the run's turn. Safe to repeat.</summary>
    /// <remarks>An id is accepted again once its orchestration completed; the run's own status keeps that from happening, and its first step from doing harm.</remarks>
    public static async Task ScheduleAsync(this DurableTaskClient client, string tenant, RunTicket ticket, CancellationToken cancellationToken)
    {
        if (!ticket.StartNow)
        {
            return;
        }

        try
        {
            await client.ScheduleNewOrchestrationInstanceAsync(
                RunPipelineOrchestrator.Name,
                new RunReference(tenant, ticket.Run.Id),
                new StartOrchestrationOptions(InstanceId: ticket.Run.Id),
                cancellationToken);
        }
        catch (RpcException exists) when (exists.StatusCode == StatusCode.AlreadyExists)
        {
            // Another call was first, which is as good.
        }
    }
}
