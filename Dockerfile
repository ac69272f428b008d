# The service alone: no engine, no weights, no GPU libraries. How to run it: docs/deploy.md.
ARG BASE=docker.io/library/node:24.21.0-bookworm-slim

FROM ${BASE} AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# No package here needs its install script.
RUN npm ci --ignore-scripts
COPY .swcrc nest-cli.json tsconfig.json tsconfig.build.json tsconfig.client.json ./
COPY scripts scripts
COPY src src
RUN npm run build

FROM ${BASE} AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# TypeScript is an optional peer of @nestjs/swagger (its build plugin), so "dev" alone keeps it; PostgreSQL for where
# no DATABASE_URL is named is optional too, so that cannot be left out as a whole.
# The Node of node_modules is for machines without one; here it would stand next to the one of the base.
# Source maps and types are more than half of what remains, and Node loads no TypeScript from node_modules.
RUN npm ci --omit=dev --ignore-scripts \
  && rm -r node_modules/node-linux-* node_modules/.bin/node node_modules/typescript && mkdir /data \
  && find node_modules -type f \( -name '*.map' -o -name '*.ts' -o -name '*.[cm]ts' \) -delete

FROM ${BASE}
ENV NODE_ENV=production
WORKDIR /app
COPY package.json ./
COPY --from=dependencies /app/node_modules node_modules
COPY --from=build /app/dist dist
# The call log, unless DATABASE_URL names a server; mount a volume to keep it.
ENV DATA_DIR=/data
COPY --from=dependencies --chown=1000:1000 /data /data
VOLUME /data
# A number, so that Kubernetes' runAsNonRoot can check it; in the base it is the user "node".
USER 1000
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.APP_PORT || 8000}/health/live`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# The flags of `npm start`: docs/operations.md says what they do.
CMD ["node", "--max-semi-space-size=8", "--heap-growing-percent=100", "dist/main.js"]
