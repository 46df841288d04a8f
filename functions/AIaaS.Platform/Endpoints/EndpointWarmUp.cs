using AIaaS.Platform.Predictions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace AIaaS.Platform.Endpoints;

/// <summary>Loads what an endpoint serves once it is written, so that its first requests find it ready.</summary>
public sealed partial class EndpointWarmUp(ModelHost models, IHostApplicationLifetime lifetime, ILogger<EndpointWarmUp> logger)
{
    /// <summary>Loads the versions that get traffic, in the background and one after the other, until the host stops.</summary>
    /// <returns>Ends once all were tried; never fails, since the endpoint's requests try again and are told the reason.</returns>
    public Task LoadAsync(string tenant, Endpoint endpoint) => Task.Run(async () =>
    {
        var stopping = lifetime.ApplicationStopping;
        foreach (var share in endpoint.Traffic.Where(share => share.Percent > 0))
        {
            try
            {
                stopping.ThrowIfCancellationRequested();
                await models.WarmUpAsync(tenant, endpoint.Model, share.Version, stopping);
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception)
            {
                LogFailed(exception, endpoint.Model, share.Version, tenant, endpoint.Name);
            }
        }
    });

    [LoggerMessage(Level = LogLevel.Warning, Message = "The model {Model} version {Version} could not be loaded beforehand for the endpoint {Tenant}/{Endpoint}.")]
    private partial void LogFailed(Exception failure, string model, int version, string tenant, string endpoint);
}
