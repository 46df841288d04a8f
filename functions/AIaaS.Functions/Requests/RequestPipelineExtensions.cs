using AIaaS.Platform.Documents;
using AIaaS.Platform.Http;
using AIaaS.Platform.Operations;
using AIaaS.Platform.Security;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace AIaaS.Functions.Requests;

internal static class RequestPipelineExtensions
{
    /// <summary>Adds what <see cref="RequestMiddleware"/> needs and the functions for operations use; the object store comes from the host.</summary>
    public static IServiceCollection AddRequestPipeline(this IServiceCollection services, SecurityOptions security)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton<Catalog>();
        services.AddSingleton(security);
        services.AddSingleton<ApiKeys>();
        services.AddSingleton<Authenticator>();
        services.AddSingleton<IdempotencyKeys>();
        services.AddSingleton<Readiness>();
        services.AddSingleton(new RequestPolicies(typeof(RequestMiddleware).Assembly));

        // The middleware holds each route to its own limit, with an answer that says so.
        services.Configure<KestrelServerOptions>(options => options.Limits.MaxRequestBodySize = null);
        return services;
    }
}
