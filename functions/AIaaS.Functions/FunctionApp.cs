using AIaaS.Functions.Predictions;
using AIaaS.Functions.Requests;
using AIaaS.Functions.Runs;
using AIaaS.Platform;
using AIaaS.Platform.Predictions.Batches;
using AIaaS.Platform.Security;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace AIaaS.Functions;

/// <summary>The composition of the function app, the same under both hosts.</summary>
internal static class FunctionApp
{
    public static void Compose(IFunctionsWorkerApplicationBuilder builder, PlatformOptions platform, SecurityOptions security)
    {
        builder.Services.AddSingleton(new WebhookOptions { AllowLocal = security.AllowLocalWebhooks });
        builder.Services.AddPlatform(platform);
        builder.Services.AddSingleton<RunMessages>();
        builder.Services.AddSingleton<BatchPredictionMessages>();
        builder.Services.AddRequestPipeline(security);
        builder.UseMiddleware<RequestMiddleware>();
    }
}
